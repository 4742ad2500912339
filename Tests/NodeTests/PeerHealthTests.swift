import Testing

@testable import Node

/// Failure detection (Dynamo §4.8.3): from the answers that a peer owes, with probes where it is silent.
@Suite struct PeerHealthTests {
    private let patience = PeerHealth.Patience()

    private func linked() -> PeerHealth {
        var peer = PeerHealth()
        peer.onLink(true)
        return peer
    }

    private func time(_ milliseconds: Int) -> Instant { Instant(nanoseconds: UInt64(milliseconds) * 1_000_000) }

    /// Ticks whenever the peer wants, and counts the probes.
    private func pass(_ peer: inout PeerHealth, until end: Int) -> Int {
        var probes = 0
        while let next = peer.nextDeadline, next <= time(end) {
            if peer.onTick(next, patience) { probes += 1 }
        }
        return probes
    }

    @Test("a peer that owes nothing is never probed, however long it is silent")
    func silenceIsNoFault() {
        var peer = linked()
        #expect(peer.nextDeadline == nil)
        let probes = pass(&peer, until: 1_000_000)
        #expect(probes == 0 && peer.condition == .up && peer.isReachable)
    }

    @Test("one that owes an answer is probed, then suspect, then down; and goes on being probed")
    func silence() {
        var peer = linked()
        peer.onAsked(time(0), patience)
        let first = pass(&peer, until: 300)
        #expect(first == 1 && peer.condition == .up)
        _ = pass(&peer, until: 800)
        #expect(peer.condition == .suspect && peer.isReachable)
        _ = pass(&peer, until: 2_000)
        #expect(peer.condition == .down && !peer.isReachable)
        let later = pass(&peer, until: 60_000)
        #expect(later > 200)
    }

    @Test("any word from it ends the suspicion; from down it takes two, which come within a second of the first")
    func recovery() {
        var peer = linked()
        peer.onAsked(time(0), patience)
        _ = pass(&peer, until: 800)
        let isUp = peer.onHeard(time(810))
        #expect(isUp && peer.condition == .up)
        peer.onAsked(time(1_000), patience)
        _ = pass(&peer, until: 4_000)
        #expect(peer.condition == .down)
        let isUpAtOnce = peer.onHeard(time(4_010))
        #expect(!isUpAtOnce && peer.condition == .suspect)
        #expect(peer.nextDeadline == time(4_010), "the second word is asked for at once")
        let isProbed = peer.onTick(time(4_010), patience)
        let isUpAgain = peer.onHeard(time(4_011))
        #expect(isProbed && isUpAgain && peer.condition == .up && peer.nextDeadline == nil)
    }

    @Test("a node that was paused itself blames nobody: it counts probes, not time")
    func ownPause() {
        var peer = linked()
        peer.onAsked(time(0), patience)
        let isProbed = peer.onTick(time(600_000), patience)
        #expect(isProbed && peer.condition == .up)
    }

    @Test("a link that goes down takes the peer with it, and one that comes up brings it back")
    func links() {
        var peer = linked()
        peer.onLink(false)
        #expect(!peer.isReachable && peer.nextDeadline == nil)
        peer.onLink(true)
        #expect(peer.isReachable && peer.condition == .up)
    }
}
