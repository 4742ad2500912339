import NIOCore
import Testing

@testable import Versions

@Suite("Siblings")
struct SiblingTests {
    @Test("two clients interleaving stale writes a thousand times leave two siblings, where plain clocks explode")
    func siblingExplosion() throws {
        var node = Replica(node: 1)
        var contexts: [Context?] = [nil, nil]
        // The same writes under one plain clock an object, as stores without dots keep it: a context that does not
        // descend from the stored clock makes the value a sibling of *all* that is there.
        var plainClock = 0
        var plainValues: [String] = []
        var plainContexts = [0, 0]
        var most = 0
        for step in 0..<1_000 {
            let client = step % 2
            let value = "client \(client) write \(step)"
            let object = try node.put(value, context: contexts[client]).object
            // A client's own write returns its context; it never sees the other's in time.
            contexts[client] = object.context()
            most = max(most, object.siblings.count)

            plainValues = plainContexts[client] == plainClock ? [value] : plainValues + [value]
            plainClock += 1
            plainContexts[client] = plainClock
        }
        #expect(most == 2, "each client's last write is concurrent with the other's last only")
        #expect(node.record.values == ["client 0 write 998", "client 1 write 999"])
        #expect(node.record?.vector.entries.count == 1)
        #expect(plainValues.count == 1_000)
    }

    @Test("five writes with one stale context leave five siblings, and what the context had seen is gone")
    func fiveStaleWrites() throws {
        var node = Replica(node: 1)
        let context = try node.put("seen", context: nil).object.context()
        for number in 1...5 { try node.put("v\(number)", context: context) }
        #expect(node.record.values == ["v1", "v2", "v3", "v4", "v5"])
        try node.put("reconciled", context: node.record?.context())
        #expect(node.record.values == ["reconciled"])
    }

    @Test("a blind write supersedes nothing, and a delete is a version that a concurrent write survives")
    func blindWritesAndTombstones() throws {
        var node = Replica(node: 1)
        let context = try node.put("a", context: nil).object.context()
        try node.put("b", context: nil)
        #expect(node.record.values == ["a", "b"])
        let delete = Mint(
            content: Content(), isTombstone: true, context: context, now: HybridTime(milliseconds: 1), policy: .siblings
        )
        let actor = try node.actor(for: context)
        let half = try delete.minted(onto: node.record, actor: actor)
        #expect(half.object.siblings.map(\.isTombstone) == [false, true])
        #expect(half.object.siblings[0].value == "b")
        #expect(!half.object.isDeleted)

        var last = delete
        last.context = half.object.context()
        let whole = try last.minted(onto: half.object, actor: actor)
        #expect(whole.object.isDeleted)
        #expect(whole.object.siblings.count == 1)
        #expect(node.record?.merged(with: whole.object, policy: .siblings) == whole.object)
    }

    @Test("a put that would grow past the limit is refused with both numbers, one that reconciles is not")
    func siblingLimit() throws {
        var node = Replica(node: 1)
        for number in 0..<5 { try node.put("\(number)", context: nil) }
        let actor = try node.actor(for: nil)
        var mint = Mint(
            content: Content(), context: nil, now: .zero, policy: .siblings, maximumSiblings: 3)
        #expect(throws: MintRefusal.tooManySiblings(count: 6, limit: 3)) {
            try mint.minted(onto: node.record, actor: actor)
        }
        // Still above the limit, but no more than there were.
        let one = try #require(node.record?.siblings[0].dot)
        var vector = VersionVector()
        vector.record(one, at: 0)
        mint.context = Context(vector: vector, stamp: .zero)
        #expect(try mint.minted(onto: node.record, actor: actor).object.siblings.count == 5)
        mint.context = node.record?.context()
        #expect(try mint.minted(onto: node.record, actor: actor).object.siblings.count == 1)
    }

    @Test("under last-write-wins a put wins over all it finds and all its client saw, whatever the clock says")
    func lastWriteWinsStamps() throws {
        var fast = Replica(node: 1)
        var slow = Replica(node: 2)
        fast.wall = 2_000_000_000_000
        slow.wall = 1_000_000_000_000
        let context = try fast.put("fast", context: nil, policy: .lastWriteWins).object.context()
        // The client read "fast"; the slow node has not even got it.
        let answer = try slow.put("later", context: context, policy: .lastWriteWins).object
        #expect(answer.newest.stamp == context.stamp.next)
        fast.merge(answer, policy: .lastWriteWins)
        #expect(fast.record.values == ["later"])
        // Blind, at the slow node: wins there over what is stored.
        let blind = try slow.put("blind", context: nil, policy: .lastWriteWins).object
        #expect(blind.values == ["blind"])
        #expect(blind.newest.stamp == answer.newest.stamp.next)
    }

    @Test("a merge says whether anything changed")
    func mergeReportsChange() throws {
        var one = Replica(node: 1)
        var two = Replica(node: 2)
        let first = try one.put("a", context: nil).object
        two.merge(first)
        let second = try two.put("b", context: first.context()).object
        func merge(_ other: VersionedObject, into record: inout VersionedObject, _ policy: ConflictPolicy) -> Bool {
            record.merge(other, policy: policy)
        }
        for policy in [ConflictPolicy.siblings, .lastWriteWins] {
            var record = first
            let changes = [first, second, second, first].map { merge($0, into: &record, policy) }
            #expect(changes == [false, true, false, false])
            #expect(record == second)
        }
        var record = try one.put("c", context: nil).object
        let changes = [second, second].map { merge($0, into: &record, .lastWriteWins) }
        #expect(changes == [true, false], "reduced to one at first")
        #expect(record.siblings.count == 1)

        // The other side has seen, and dropped, a write that lost; the version that won is the same.
        var loser = Replica(node: 3)
        loser.wall -= 1_000
        let lost = try loser.put("lost", context: nil, policy: .lastWriteWins).object
        let won = record.merged(with: lost, policy: .lastWriteWins)
        #expect(won.siblings == record.siblings)
        let vectorChanges = [won, won].map { merge($0, into: &record, .lastWriteWins) }
        #expect(vectorChanges == [true, false])
    }

    @Test("damaged objects that each claim to have superseded the other keep the newest rather than nothing")
    func mutualSupersession() {
        func object(_ node: UInt64, stamp: UInt64) -> VersionedObject {
            let actors = (1...2).map { Actor(node: $0, incarnation: 1, birth: 1) }
            let entries = actors.map { VersionVector.Entry(actor: $0, counter: 1, updated: 0) }
            let sibling = Sibling(
                dot: Dot(actor: actors[Int(node) - 1], counter: 1), stamp: HybridTime(rawValue: stamp),
                isTombstone: false, content: Content())
            return VersionedObject(vector: VersionVector(sorted: entries), siblings: [sibling])
        }
        let older = object(1, stamp: 5)
        let newer = object(2, stamp: 6)
        for policy in [ConflictPolicy.siblings, .lastWriteWins] {
            #expect(older.merged(with: newer, policy: policy) == newer)
            #expect(newer.merged(with: older, policy: policy) == newer)
        }
    }
}
