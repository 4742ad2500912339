import NIOCore
import Testing

@testable import Versions

/// Each way of losing an acknowledged write by an actor that is used again or covers too much. In each, the naive
/// node (``NaiveMint``) goes on counting from its record, and the test shows that it loses a write; then the same
/// story is played by Rotor's choice of actors.
@Suite("A dot is never used twice, and a vector never covers a dot that its writer had not seen")
struct ActorTests {
    /// One node that mints, one peer that keeps what it was sent.
    private struct Story {
        let naive: Bool
        var node = Replica(node: 1)
        var peer: VersionedObject?

        @discardableResult
        mutating func put(_ value: String, context: Context? = nil, replicate: Bool = true) throws -> VersionedObject {
            let object: VersionedObject
            if naive {
                object = NaiveMint.minted(value, onto: node.record, node: 1, context: context).object
                node.record = object
            } else {
                object = try node.put(value, context: context).object
            }
            if replicate { send(object) }
            return object
        }

        mutating func send(_ object: VersionedObject) {
            peer = peer?.merged(with: object, policy: .siblings) ?? object
        }

        /// What a read of both returns.
        var values: [String] {
            guard let peer else { return node.record.values }
            return (node.record.map { peer.merged(with: $0, policy: .siblings) } ?? peer).values.sorted()
        }
    }

    /// Plays the story naively and with Rotor's actors, and hands back what can be read at the end.
    private func play(_ story: (inout Story) throws -> Void) throws -> (naive: [String], rotor: [String]) {
        var naive = Story(naive: true)
        try story(&naive)
        var rotor = Story(naive: false)
        try story(&rotor)
        return (naive.values, rotor.values)
    }

    @Test("the record was lost: damaged, collected, or the partition went away")
    func recordLost() throws {
        let (naive, rotor) = try play { story in
            try story.put("first")
            story.node.loseRecord()
            try story.put("second")
        }
        #expect(naive.count == 1, "the second write took the first one's dot")
        #expect(rotor == ["first", "second"])
    }

    @Test("an old backup was restored, and the node started as a new incarnation")
    func oldBackup() throws {
        let (naive, rotor) = try play { story in
            try story.put("one")
            let backup = (story.node.record, story.node.mark)
            try story.put("two")
            (story.node.record, story.node.mark) = backup
            if !story.naive { story.node.startNewIncarnation() }
            try story.put("three")
        }
        #expect(naive.count == 2)
        #expect(rotor == ["one", "three", "two"])
    }

    @Test("the partition came back from another holder that was behind")
    func partitionCameBack() throws {
        let (naive, rotor) = try play { story in
            let early = try story.put("one")
            try story.put("two")
            story.node.loseRecord()
            // The transfer brings objects, never marks.
            story.node.merge(early)
            try story.put("three")
        }
        #expect(naive.count == 2)
        #expect(rotor == ["one", "three", "two"])
    }

    @Test("a damaged record was repaired from a replica that had not seen the last write")
    func damagedRecord() throws {
        let (naive, rotor) = try play { story in
            let context = try story.put("one").context()
            let early = story.peer
            try story.put("two", context: context)
            story.node.loseRecord()
            if let early { story.node.merge(early) }
            // Supersedes what the client had seen, which is "one".
            try story.put("three", context: context)
        }
        #expect(naive != ["three", "two"])
        #expect(rotor == ["three", "two"])
    }

    @Test("the node's own entry was pruned from the vector of its record")
    func prunedEntry() throws {
        func prune(_ object: VersionedObject?) -> VersionedObject? {
            // By a truncation that ignores the rules: the last write here was minted by node 2.
            guard let object, let other = object.siblings.last, other.dot.actor.node == 2 else { return object }
            let kept = object.vector.entries.filter { $0.actor == other.dot.actor }
            return VersionedObject(vector: VersionVector(sorted: kept), siblings: [other])
        }
        let (naive, rotor) = try play { story in
            let first = try story.put("one")
            var other = Replica(node: 2)
            other.merge(first)
            let second = try other.put("two", context: first.context()).object
            story.node.merge(second)
            story.send(second)
            story.node.record = prune(story.node.record)
            try story.put("three")
        }
        #expect(naive == ["two"], "the peer has seen dot 1 of node 1, and takes the third write for it")
        #expect(rotor == ["three", "two"])
    }

    @Test("the client's context is ahead of the record")
    func contextAhead() throws {
        let (naive, rotor) = try play { story in
            try story.put("one")
            let behind = (story.node.record, story.node.mark)
            try story.put("two", context: story.node.record?.context())
            let context = try story.put("three", context: story.node.record?.context()).context()
            // One record came back old, in the same incarnation: a page write that the disk lost.
            (story.node.record, story.node.mark) = behind
            var other = Replica(node: 2)
            story.send(try other.put("elsewhere", context: nil).object)
            try story.put("four", context: context)
        }
        #expect(naive == ["elsewhere"], "the fourth write was minted as a dot that its own context covers")
        #expect(rotor == ["elsewhere", "four"])
    }

    @Test("a commit failed after the dot had been sent")
    func failedCommit() throws {
        let (naive, rotor) = try play { story in
            try story.put("one")
            let durable = (story.node.record, story.node.mark)
            try story.put("sent")
            (story.node.record, story.node.mark) = durable
            story.node.source.distrustBirths()
            try story.put("three")
        }
        #expect(naive.count == 2)
        #expect(rotor == ["one", "sent", "three"])
    }

    @Test("an old record, in the same incarnation, was brought forward part of the way by a merge")
    func mergedOver() throws {
        let (naive, rotor) = try play { story in
            try story.put("one")
            let old = (story.node.record, story.node.mark)
            let middle = try story.put("two")
            try story.put("three")
            (story.node.record, story.node.mark) = old
            story.node.merge(middle)
            try story.put("four")
        }
        #expect(naive.count == 3)
        #expect(rotor == ["four", "one", "three", "two"])
    }

    @Test("a record that nothing happened to goes on under its actor, and its vector stays at one entry")
    func continues() throws {
        var node = Replica(node: 1)
        let first = try node.put("0", context: nil)
        for number in 1...100 {
            let minted = try node.put("\(number)", context: node.record?.context())
            #expect(minted.dot == Dot(actor: first.dot.actor, counter: UInt64(number) + 1))
            #expect(minted.mark == node.mark)
        }
        #expect(node.record?.vector.entries.count == 1)
        // Merges of what others made of it do not end that.
        var other = Replica(node: 2)
        if let record = node.record { other.merge(record) }
        node.merge(try other.put("elsewhere", context: other.record?.context()).object)
        #expect(try node.put("more", context: node.record?.context()).dot == Dot(actor: first.dot.actor, counter: 102))
        // A clean stop and start of the same incarnation neither.
        var restarted = ActorSource(
            node: 1, incarnation: 1, birthCeiling: node.source.birthCeiling, birthFloor: node.source.birthFloor)
        restarted.reserved(node.source.birthCeiling + 10)
        #expect(restarted.actor(onto: node.record, mark: node.mark, context: nil) == first.dot.actor)
    }

    @Test("births are never given twice, never beyond the durable ceiling, and never one the key knows")
    func births() throws {
        var source = ActorSource(node: 7, incarnation: 3, birthCeiling: 0, birthFloor: 0)
        #expect(source.actor(onto: nil, mark: nil, context: nil) == nil, "nothing is reserved yet")
        let ceiling = try #require(source.reservationNeeded(block: 4))
        #expect(ceiling == 4)
        source.reserved(ceiling)
        #expect(source.reservationNeeded(block: 4) == nil)
        var given: [UInt64] = []
        while let actor = source.actor(onto: nil, mark: nil, context: nil) { given.append(actor.birth) }
        #expect(given == [0, 1, 2, 3])
        #expect(source.reservationNeeded(block: 4) == 8)

        var restarted = ActorSource(node: 7, incarnation: 3, birthCeiling: 4, birthFloor: 0)
        restarted.reserved(8)
        restarted.reserved(6)
        #expect(restarted.birthCeiling == 8)
        var vector = VersionVector()
        vector.record(Dot(actor: Actor(node: 7, incarnation: 3, birth: 4), counter: 1), at: 0)
        let context = Context(vector: vector, stamp: .zero)
        #expect(restarted.actor(onto: nil, mark: nil, context: context)?.birth == 5)
    }
}
