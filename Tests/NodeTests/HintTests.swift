import NIOCore
import Placement
import Testing
import Versions

@testable import Node

/// Sloppy quorum and hinted handoff: Dynamo §4.6.
@Suite struct HintTests {
    /// Five members, three of which hold the key, this node the first of them.
    private func cluster(_ change: (inout NodeSettings) -> Void = { _ in }) throws -> (
        node: NodeHarness, key: ObjectKey, holders: [MemberID], standIns: [MemberID]
    ) {
        let node = try NodeHarness(members: 5, change: change)
        let key = try node.key { $0[0] == node.me }
        let partition = node.map.partition(of: key)
        return (
            node, key, Array(node.map.holders(of: partition, n: 3)),
            node.map.preferenceList(for: partition, n: 3).standIns()
        )
    }

    private func minted(
        _ node: NodeHarness, _ request: ClientRequest
    ) throws -> (token: StorageToken, effects: NodeHarness.Effects, object: VersionedObject) {
        let mint = try #require(node.request(request).storage.first)
        let object = try NodeHarness.minted(mint)
        return (mint.token, node.handle(.storage(.minted(mint.token, object))), object)
    }

    private func answer(
        _ node: NodeHarness, _ sent: (replicate: Replicate, to: MemberID), _ result: Result<Bool, ReplicaFailure>
    ) -> NodeHarness.Effects {
        node.handle(
            .message(.replicated(Replicated(correlation: sent.replicate.correlation, result: result)), from: sent.to))
    }

    @Test("a holder that cannot be reached is stood in for by the next healthy member, with a hint that names it")
    func standIn() throws {
        let (node, key, holders, standIns) = try cluster()
        node.handle(.linkDown(holders[1]))
        let put = try minted(node, put(key) { $0.w = .all })
        let sent = put.effects.replicates
        #expect(sent.map(\.to) == [holders[2], standIns[0]])
        #expect(sent.map(\.replicate.standingInFor) == [nil, holders[1]])
        _ = node.handle(.storage(.written(put.token, durable: true)))
        #expect(answer(node, sent[0], .success(true)).replies.isEmpty)
        #expect(answer(node, sent[1], .success(true)).isStored)
        #expect(node.requestsInFlight == 0)
    }

    @Test("a stand-in counts for W and DW and not for PW; without sloppy quorum nobody stands in")
    func counts() throws {
        let (node, key, holders, _) = try cluster()
        node.handle(.linkDown(holders[1]))
        #expect(
            node.request(put(key) { $0.pw = .all }).failure == .tooFewReachable(.pw, needed: 3, reachable: 2))
        let strict = node.request(
            put(key) {
                $0.w = .all
                $0.sloppyQuorum = false
            })
        #expect(strict.failure == .tooFewReachable(.w, needed: 3, reachable: 2))
        let sent = try minted(node, put(key) { $0.sloppyQuorum = false }).effects.replicates
        #expect(sent.map(\.to) == [holders[2]])
    }

    @Test("one that declines is passed over for the next, until there is none")
    func declined() throws {
        let (node, key, holders, standIns) = try cluster()
        node.handle(.linkDown(holders[1]))
        let put = try minted(node, put(key) { $0.w = .all })
        let first = put.effects.replicates[1]
        let second = answer(node, first, .failure(.storage(.hintsFull(limit: 5)))).replicates
        #expect(second.map(\.to) == [standIns[1]] && second[0].replicate.standingInFor == holders[1])
        #expect(
            answer(node, second[0], .failure(.storage(.hintsFull(limit: 5)))).failure
                == .notEnoughReplies(.w, needed: 3, got: 0))
    }

    @Test("a holder that fails after the answer is stood in for as well")
    func lateFailure() throws {
        let (node, key, holders, standIns) = try cluster()
        let put = try minted(node, put(key))
        _ = node.handle(.storage(.written(put.token, durable: true)))
        #expect(answer(node, put.effects.replicates[0], .success(true)).isStored)
        let hint = node.handle(.linkDown(holders[2])).replicates
        #expect(hint.map(\.to) == [standIns[0]] && hint[0].replicate.standingInFor == holders[2])
    }

    @Test("a slow holder is stood in for while the write still waits, and not once it is answered")
    func slowHolder() throws {
        let (node, key, holders, standIns) = try cluster()
        let waiting = try minted(node, put(key))
        #expect(node.pass(milliseconds: 300).replicates.map(\.to) == standIns)
        _ = waiting
        let (other, otherKey, _, _) = try cluster()
        let done = try minted(other, put(otherKey))
        _ = other.handle(.storage(.written(done.token, durable: true)))
        #expect(answer(other, done.effects.replicates[0], .success(true)).isStored)
        #expect(other.pass(milliseconds: 300).replicates.isEmpty && other.requestsInFlight == 0)
        #expect(holders.count == 3)
    }

    @Test("where no holder can be reached, the node itself mints, as a hint for the first of them")
    func mintsAsStandIn() throws {
        let node = try NodeHarness(members: 5)
        let key = try node.key { !$0.contains(node.me) }
        let holders = Array(node.map.holders(of: node.map.partition(of: key), n: 3))
        #expect(node.request(put(key)).forwards.map(\.to) == [holders[0]])
        for holder in holders { node.handle(.linkDown(holder)) }
        let effects = node.request(put(key))
        let mint = try #require(effects.storage.first)
        #expect(mint.place == .hint(for: holders[0]) && mint.store == 1)
        let sent = node.handle(.storage(.minted(mint.token, try NodeHarness.minted(mint)))).replicates
        #expect(sent.count == 1 && sent[0].replicate.standingInFor == holders[1], "two stand-ins for three holders")
        _ = node.handle(.storage(.written(mint.token, durable: true)))
        #expect(answer(node, sent[0], .success(true)).isStored)
        #expect(node.statistics.standInMints == 1 && node.statistics.hintsKept == 1)
        #expect(node.request(put(key) { $0.sloppyQuorum = false }).failure != nil)
    }

    @Test("a stand-in's mint that has timed out is told of once, whatever its store says later")
    func lateRefusal() throws {
        let node = try NodeHarness(members: 5)
        let key = try node.key { !$0.contains(node.me) }
        for holder in node.map.holders(of: node.map.partition(of: key), n: 3) { node.handle(.linkDown(holder)) }
        let mint = try #require(node.request(put(key) { $0.timeoutMilliseconds = 300 }).storage.first)
        #expect(node.pass(milliseconds: 400).failure?.consequence == .outcomeUnknown)
        let refusal = StorageFailure.tooManySiblings(count: 5, limit: 4)
        #expect(node.handle(.storage(.failed(mint.token, refusal))).replies.isEmpty)
        #expect(node.requestsInFlight == 0)
    }

    @Test("what a stand-in keeps counts towards R; that it keeps nothing does not")
    func reads() throws {
        for isKept in [true, false] {
            let (node, key, holders, standIns) = try cluster()
            node.handle(.linkDown(holders[1]))
            node.handle(.linkDown(holders[2]))
            let effects = node.request(.get(GetRequest(key: key)))
            let own = try #require(effects.storage.first)
            #expect(effects.fetches.map(\.to) == [standIns[0]])
            #expect(effects.fetches[0].fetch.standingInFor == [holders[1], holders[2]])
            let object = try NodeHarness.object("v")
            _ = node.handle(.storage(.read(own.token, isKept ? nil : object)))
            var last = NodeHarness.Effects()
            for standIn in standIns {
                let fetched = Fetched(
                    correlation: effects.fetches[0].fetch.correlation, result: .success(isKept ? object : nil))
                last.append(node.handle(.message(.fetched(fetched), from: standIn)))
            }
            if isKept {
                #expect(last.found != nil)
                #expect(last.replicates.isEmpty, "a stand-in is not repaired")
            } else {
                #expect(last.failure == .notEnoughReplies(.r, needed: 2, got: 1))
            }
        }
    }

    @Test("a stand-in keeps hints apart, and is asked for them apart")
    func asStandIn() throws {
        let node = try NodeHarness(members: 5)
        let key = try node.key { !$0.contains(node.me) }
        let holders = Array(node.map.holders(of: node.map.partition(of: key), n: 3))
        let replicate = Replicate(
            correlation: 7, key: key, object: try NodeHarness.object("v"), .beforeAnswer, standingInFor: holders[0])
        let kept = try #require(node.handle(.message(.replicate(replicate), from: holders[1])).storage.first)
        #expect(kept.store == 1 && kept.place == .hint(for: holders[0]))
        let fetch = Fetch(correlation: 8, key: key, standingInFor: [holders[0]])
        let read = try #require(node.handle(.message(.fetch(fetch), from: holders[1])).storage.first)
        #expect(read.store == 1 && read.place == .hints(for: [holders[0]], .siblings))
    }

    // MARK: Delivery

    private func page(_ key: ObjectKey, _ object: VersionedObject?, order: UInt64) -> HintPage {
        HintPage(hints: [HintPage.Hint(key: key, partition: 0, order: order, object: object)], last: order)
    }

    /// The node's first walk over the hints for a peer.
    private func scan(_ node: NodeHarness, for member: MemberID) throws -> HintScan {
        try #require(node.pass(milliseconds: 1).scans.first { $0.member == member })
    }

    @Test("a hint is deleted when its holder has it durably, and not before")
    func delivered() throws {
        let node = try NodeHarness(members: 5)
        let peer = node.members[1]
        let key = try node.ownKey()
        let object = try NodeHarness.object("v")
        let walk = try scan(node, for: peer)
        let sent = node.handle(.storage(.hints(walk.token, page(key, object, order: 3)))).replicates
        #expect(sent.map(\.to) == [peer])
        #expect(sent[0].replicate.durability == .beforeAnswer && sent[0].replicate.standingInFor == nil)
        #expect(answer(node, sent[0], .success(false)).storage.isEmpty, "stored, but not synced")
        let again = node.pass(milliseconds: 1_000).scans.filter { $0.member == peer }
        #expect(again.map(\.after) == [3], "the walk goes on behind it, and comes back")
        _ = node.handle(.storage(.hints(again[0].token, HintPage(hints: [], last: nil))))
        let third = try #require(node.pass(milliseconds: 1_000).scans.first { $0.member == peer })
        #expect(third.after == 0)
        let second = node.handle(.storage(.hints(third.token, page(key, object, order: 3)))).replicates
        let drop = try #require(answer(node, second[0], .success(true)).storage.first)
        guard case .dropHint(3, object) = drop.operation, drop.place == .hint(for: peer) else {
            Issue.record("\(drop)")
            return
        }
        #expect(node.statistics.hintsDelivered == 1)
    }

    @Test("a walk that finds nothing ends the deliveries until another hint is kept")
    func nothingLeft() throws {
        let node = try NodeHarness(members: 5)
        let peer = node.members[1]
        let walk = try scan(node, for: peer)
        _ = node.handle(.storage(.hints(walk.token, HintPage(hints: [], last: nil))))
        #expect(!node.pass(milliseconds: 60_000).scans.contains { $0.member == peer })
        let key = try node.key { !$0.contains(node.me) && $0.contains(peer) }
        let replicate = Replicate(
            correlation: 7, key: key, object: try NodeHarness.object("v"), .sometime, standingInFor: peer)
        let kept = try #require(node.handle(.message(.replicate(replicate), from: node.members[2])).storage.first)
        _ = node.handle(.storage(.written(kept.token, durable: false)))
        #expect(node.pass(milliseconds: 2_000).scans.contains { $0.member == peer })
    }

    @Test("nothing is delivered to a member that is down; it is once it is back")
    func peerIsBack() throws {
        let node = try NodeHarness(members: 5)
        let peer = node.members[1]
        let key = try node.ownKey()
        let walk = try scan(node, for: peer)
        let object = try NodeHarness.object("v")
        let sent = node.handle(.storage(.hints(walk.token, page(key, object, order: 1)))).replicates
        #expect(sent.count == 1)
        node.handle(.linkDown(peer))
        #expect(node.pass(milliseconds: 60_000).scans.filter { $0.member == peer }.isEmpty)
        node.link(peer)
        #expect(node.pass(milliseconds: 1).scans.contains { $0.member == peer && $0.after == 0 })
    }
}
