import Placement
import Testing
import Versions

@testable import Node

/// Truth: a node goes on as the incarnation that it was only if a majority of its peers durably remembers this start,
/// and none knows a later one.
@Suite struct StartTests {
    /// A node of five that stopped in good order and starts again.
    private func restarted(
        persistsAtOnce: Bool = true, members: Int = 5, change: (inout NodeRecord) -> Void = { _ in }
    ) throws -> (NodeHarness, StartRecord) {
        var first = NodeRecord(member: MemberID(rawValue: 1)).started(stoppedCleanly: false, random: 50)
        change(&first)
        let second = first.started(stoppedCleanly: true, random: 51)
        #expect(first.isConfirmed && !second.isConfirmed)
        let harness = try NodeHarness(members: members, record: second, continuesIncarnation: true)
        harness.persistsAtOnce = persistsAtOnce
        return (harness, second.start)
    }

    @Test("a majority of the other members makes it ready, fewer do not")
    func majority() throws {
        let (node, start) = try restarted()
        #expect(!node.isReady)
        for peer in node.members[1...2] {
            node.handle(.message(.startConfirmed(start), from: peer))
            node.handle(.message(.startConfirmed(start), from: peer))
            #expect(!node.isReady, "two of four, however often they say it")
        }
        node.handle(.message(.startConfirmed(start), from: node.members[3]))
        #expect(node.isReady)
        #expect(node.record.start == start, "the incarnation goes on")
    }

    @Test("a start that was not confirmed leads to a new incarnation, even after a clean stop")
    func unconfirmed() throws {
        let (node, start) = try restarted()
        let next = node.record.started(stoppedCleanly: true, random: 52)
        #expect(next.start.incarnation > start.incarnation, "its number is above what peers know: nobody would object")
        #expect(next.isConfirmed)
        #expect(try NodeRecord(decoding: node.record.encoded()) == node.record, "the disk remembers it")
        for peer in node.members[1...3] { node.handle(.message(.startConfirmed(start), from: peer)) }
        #expect(node.record.started(stoppedCleanly: true, random: 52).start.incarnation == start.incarnation)
    }

    @Test("a confirmation of another start counts for nothing")
    func delayedConfirmation() throws {
        let (node, start) = try restarted()
        var earlier = start
        earlier.session = 50
        for peer in node.members[1...] { node.handle(.message(.startConfirmed(earlier), from: peer)) }
        #expect(!node.isReady)
    }

    @Test("without confirmation in time it goes on as a new incarnation, once that is durable")
    func confirmationTimeout() throws {
        let (node, start) = try restarted(persistsAtOnce: false)
        let effects = node.pass(milliseconds: 2000)
        let renewed = try #require(effects.records.last)
        #expect(renewed.start.incarnation > start.incarnation)
        #expect(renewed.start.number > start.number)
        #expect(!node.isReady)
        let next = try #require(node.nextDeadline)
        #expect(next > node.now.monotonic, "nothing to do but wait for the disk: a tick now would spin")
        let announced = node.handle(.persisted(revision: renewed.revision))
        #expect(node.isReady)
        let starts = announced.sent.compactMap {
            if case .startAnnounced(let start) = $0.message { start } else { nil }
        }
        #expect(starts == Array(repeating: renewed.start, count: 4))
    }

    @Test("a start is not confirmed where the one known before it was in another incarnation")
    func otherIncarnation() throws {
        let node = try NodeHarness()
        let peer = node.members[1]
        func confirmed(_ number: UInt64, incarnation: UInt64) -> Bool {
            let start = StartRecord(number: number, session: 500 + number, incarnation: incarnation)
            return node.handle(.message(.startAnnounced(start), from: peer)).sent.contains {
                if case .startConfirmed(start) = $0.message { true } else { false }
            }
        }
        // It was heard in its first start, of incarnation 1 << 32.
        #expect(!confirmed(2, incarnation: 7), "what it had been before that start, nobody here knows")
        #expect(confirmed(3, incarnation: 7))
        #expect(!confirmed(4, incarnation: 1 << 32))
    }

    @Test("after a crash a node only listens to a peer's first start: what it remembers may be of an old copy")
    func afterCrash() throws {
        for continues in [false, true] {
            var record = NodeRecord(member: MemberID(rawValue: 1)).started(stoppedCleanly: false, random: 9)
            let known = StartRecord(number: 4, session: 40, incarnation: 7)
            record.remember(known, of: MemberID(rawValue: 2))
            let node = try NodeHarness(record: record, continuesIncarnation: continues, links: 0)
            if continues { confirm(node) }
            let confirmed = ([5, 6] as [UInt64]).map { number in
                let start = StartRecord(number: number, session: number * 10, incarnation: 7)
                return node.handle(.message(.startAnnounced(start), from: node.members[1])).sent.contains {
                    if case .startConfirmed(start) = $0.message { true } else { false }
                }
            }
            #expect(confirmed == [continues, true])
        }
    }

    @Test("a node that waits for its own confirmation confirms nobody before it has it, and not at all without it")
    func waitingItself() throws {
        for isConfirmed in [true, false] {
            let (node, start) = try restarted { record in
                record.remember(StartRecord(number: 4, session: 40, incarnation: 7), of: MemberID(rawValue: 2))
            }
            let peer = StartRecord(number: 5, session: 50, incarnation: 7)
            func confirms(_ effects: NodeHarness.Effects) -> Bool {
                effects.sent.contains { if case .startConfirmed(peer) = $0.message { true } else { false } }
            }
            #expect(!confirms(node.handle(.message(.startAnnounced(peer), from: node.members[1]))))
            if isConfirmed {
                let last = node.members[2...4].map { node.handle(.message(.startConfirmed(start), from: $0)) }
                #expect(last.map(confirms) == [false, false, true])
            } else {
                #expect(!confirms(node.pass(milliseconds: 3000)))
            }
            #expect(node.isReady)
        }
    }

    @Test("a peer that knows a later start makes an old copy a new incarnation")
    func oldCopy() throws {
        let (node, start) = try restarted()
        let later = StartRecord(number: start.number + 3, session: 99, incarnation: start.incarnation)
        let effects = node.handle(.message(.startConflict(later), from: node.members[1]))
        let renewed = try #require(effects.records.last).start
        #expect(renewed.number > later.number)
        #expect(renewed.incarnation > later.incarnation)
        #expect(node.isReady)
        #expect(node.statistics.startConflicts == 1)
        node.handle(.message(.startConflict(later), from: node.members[2]))
        #expect(node.record.start == renewed, "what it has overtaken already changes nothing")
    }

    @Test("two copies that start with the same number are told apart by their session")
    func twinCopies() throws {
        let (node, start) = try restarted()
        let twin = StartRecord(number: start.number, session: start.session + 1, incarnation: start.incarnation)
        node.handle(.message(.startConflict(twin), from: node.members[1]))
        #expect(node.record.start.incarnation != start.incarnation)
        node.handle(.message(.startConflict(start), from: node.members[1]))
        #expect(node.statistics.startConflicts == 1, "its own start is no conflict")
    }

    @Test("an unclean start is ready at once: nobody has been that incarnation")
    func unclean() throws {
        let node = try NodeHarness(links: 0)
        #expect(node.isReady)
    }

    @Test("a node without peers takes a new incarnation at each start: nobody could tell an old copy")
    func alone() throws {
        let (node, start) = try restarted(members: 1)
        #expect(node.isReady)
        #expect(node.record.start.incarnation > start.incarnation)
    }

    @Test("a start is confirmed only once it is remembered durably")
    func confirming() throws {
        let node = try NodeHarness(links: 0)
        let before = StartRecord(number: 3, session: 1, incarnation: 9)
        node.handle(.message(.startAnnounced(before), from: node.members[1]))
        node.persistsAtOnce = false
        let start = StartRecord(number: 4, session: 1, incarnation: 9)
        let effects = node.handle(.message(.startAnnounced(start), from: node.members[1]))
        #expect(effects.sent.isEmpty)
        let record = try #require(effects.records.last)
        #expect(record.start(of: node.members[1]) == start)
        let persisted = node.handle(.persisted(revision: record.revision))
        #expect(persisted.sent.count == 1)
        guard case .startConfirmed(start) = persisted.sent.first?.message else {
            Issue.record("no confirmation: \(persisted.sent)")
            return
        }
        let again = node.handle(.message(.startAnnounced(start), from: node.members[1]))
        #expect(again.records.isEmpty && again.sent.count == 1, "a repeated announcement is confirmed without a write")
    }

    /// All other members confirm the node's own start.
    private func confirm(_ node: NodeHarness) {
        for peer in node.members.dropFirst() {
            node.handle(.message(.startConfirmed(node.record.start), from: peer))
        }
    }

    /// Whether the node answers an announcement of this start with its confirmation.
    private func confirms(_ node: NodeHarness, _ number: UInt64, by peer: Int = 1) -> Bool {
        let start = StartRecord(number: number, session: number, incarnation: 9)
        let effects = node.handle(.message(.startAnnounced(start), from: node.members[peer]))
        return effects.sent.contains { if case .startConfirmed(start) = $0.message { true } else { false } }
    }

    @Test("a node that has never heard of a member confirms nothing but what follows")
    func newDisk() throws {
        let node = try NodeHarness(links: 0)
        #expect(!confirms(node, 4), "it could not know of a later one")
        #expect(!confirms(node, 4), "hearing it again makes it no wiser")
        #expect(node.record.start(of: node.members[1])?.number == 4, "but it remembers")
        #expect(confirms(node, 5))
        #expect(confirms(node, 5))
    }

    @Test("a node confirms from its record, unless that has turned out to be an old copy")
    func oldMemory() throws {
        func restarted() throws -> NodeHarness {
            let first = try NodeHarness(links: 0)
            #expect(!confirms(first, 4))
            let record = first.record.started(stoppedCleanly: true, random: 5)
            return try NodeHarness(record: record, continuesIncarnation: true, links: 0)
        }
        let sound = try restarted()
        confirm(sound)
        #expect(confirms(sound, 5))
        let old = try restarted()
        old.pass(milliseconds: 2000)
        #expect(old.record.start.number > sound.record.start.number, "nobody confirmed it: a new incarnation")
        #expect(!confirms(old, 5), "its record may be from before the member's start 6")
        #expect(confirms(old, 6), "what it heard itself since it can go by")
    }

    @Test("an announcement older than what is known is met with what is known")
    func delayedAnnouncement() throws {
        let node = try NodeHarness(links: 0)
        let start = StartRecord(number: 4, session: 1, incarnation: 9)
        node.handle(.message(.startAnnounced(start), from: node.members[1]))
        for other in [
            StartRecord(number: 3, session: 7, incarnation: 9), StartRecord(number: 4, session: 2, incarnation: 9),
        ] {
            let effects = node.handle(.message(.startAnnounced(other), from: node.members[1]))
            guard effects.sent.count == 1, case .startConflict(start) = effects.sent[0].message else {
                Issue.record("\(other) was answered by \(effects.sent)")
                continue
            }
            #expect(node.record.start(of: node.members[1]) == start)
        }
    }

    @Test("a stranger's messages change nothing")
    func stranger() throws {
        let node = try NodeHarness()
        let start = StartRecord(number: 4, session: 1, incarnation: 9)
        let effects = node.handle(.message(.startAnnounced(start), from: MemberID(rawValue: 4711)))
        #expect(effects.sent.isEmpty && effects.records.isEmpty)
    }

    @Test("a node that is not ready hands writes to others and reads as ever")
    func notReady() throws {
        let (node, _) = try restarted()
        let key = try node.ownKey()
        let put = node.request(.put(PutRequest(key: key, content: Content())))
        #expect(put.forwards.count == 1 && put.storage.isEmpty)
        let get = node.request(.get(GetRequest(key: key)))
        #expect(get.storage.count + get.fetches.count == 2)
        for peer in node.members[1...] { node.handle(.linkDown(peer)) }
        #expect(node.request(.put(PutRequest(key: key, content: Content()))).failure == .notReady)
    }
}
