import NIOCore
import Testing

@testable import Versions

@Suite("Truncation (Dynamo §4.4)")
struct TruncationTests {
    /// A key that node after node has written, a minute apart, each over the one before.
    private func longLived(nodes: Range<UInt64>, policy: ConflictPolicy = .siblings) throws -> VersionedObject {
        var object: VersionedObject?
        for node in nodes {
            var replica = Replica(node: node)
            replica.wall += node * 60_000
            if let object { replica.merge(object) }
            object = try replica.put("by \(node)", context: object?.context(), policy: policy).object
        }
        return try #require(object)
    }

    @Test("off, a vector keeps every entry; on, a put cuts to the limit, the oldest first, and says how many")
    func oldestFirst() throws {
        let object = try longLived(nodes: 1..<13)
        #expect(object.vector.entries.count == 12)
        for policy in [ConflictPolicy.siblings, .lastWriteWins] {
            var replica = Replica(node: 100)
            replica.wall += 100 * 60_000
            replica.merge(object, policy: policy)
            #expect(replica.record?.vector.entries.count == 12, "a merge never cuts")
            let minted = try replica.put(
                "cut", context: object.context(), policy: policy, truncation: Truncation(limit: 10))
            #expect(minted.truncatedEntries == 3)
            #expect(minted.object.vector.entries.map(\.actor.node) == Array(4..<13) + [100])
            let more = try replica.put(
                "again", context: minted.object.context(), policy: policy, truncation: Truncation(limit: 10))
            #expect(more.truncatedEntries == 0)
        }
    }

    @Test("age decides, not the order of actors; entries of the same age go in the order of actors")
    func ageDecides() throws {
        func entry(_ node: UInt64, _ updated: UInt32) -> VersionVector.Entry {
            .init(actor: Actor(node: node, incarnation: 1, birth: 0), counter: 1, updated: updated)
        }
        let entries = [entry(1, 50), entry(2, 20), entry(3, 40), entry(4, 20), entry(5, 10), entry(6, 5)]
        let minter = entries[5].actor
        for (limit, kept) in [(4, [1, 3, 4, 6]), (3, [1, 3, 6]), (1, [6]), (0, [6])] as [(Int, [UInt64])] {
            var vector = VersionVector(sorted: entries)
            let dropped = vector.truncate(to: limit, keeping: [], and: minter)
            #expect(vector.entries.map(\.actor.node) == kept)
            #expect(dropped == 6 - kept.count)
        }
    }

    @Test("an entry with a live dot stays, however old, and so does the minter's own")
    func liveDotsStay() throws {
        let base = try longLived(nodes: 1..<9)
        // Siblings by old actors: blind writes at three nodes, long ago.
        var replica = Replica(node: 50)
        replica.merge(base)
        for node in 20..<23 as Range<UInt64> {
            var other = Replica(node: node)
            other.wall -= 1_000_000_000
            replica.merge(try other.put("old \(node)", context: nil).object)
        }
        replica.wall = 1_000
        let minted = try replica.put("new", context: nil, truncation: Truncation(limit: 2))
        #expect(minted.object.values.sorted() == ["by 8", "new", "old 20", "old 21", "old 22"])
        #expect(minted.object.vector.entries.map(\.actor.node) == [8, 20, 21, 22, 50])
        #expect(minted.truncatedEntries == 7)
        for sibling in minted.object.siblings { #expect(minted.object.vector.covers(sibling.dot)) }
    }

    @Test("over random histories truncation loses no version and invents none; it may bring superseded ones back")
    func losesNothing() throws {
        var cut = 0
        var falseSiblings = 0
        for seed in 0..<1_000 as Range<UInt64> {
            let settings = RandomHistory.Settings(
                policy: seed % 2 == 0 ? .siblings : .lastWriteWins,
                truncation: Truncation(limit: 1 + Int(seed % 3)), faults: seed % 4 > 1)
            var history = RandomHistory(seed: seed, settings: settings)
            for step in 0..<50 {
                let node = history.nodes[try history.step()]
                let held = Set(RandomHistory.numbers(of: node.replica.record))
                let truth = Set(history.truth(of: node.seen))
                #expect(held.isSuperset(of: truth), "seed \(seed) step \(step): \(held), truth \(truth)")
                #expect(held.allSatisfy { node.seen & (1 << $0) != 0 }, "seed \(seed) step \(step)")
                falseSiblings += held.count - truth.count
            }
            cut += history.truncatedEntries
            history.converge()
            for node in history.nodes {
                #expect(node.replica.record == history.nodes[0].replica.record, "seed \(seed)")
            }
        }
        #expect(cut > 1_000)
        #expect(falseSiblings > 0, "else the claim about false siblings would be untested")
    }
}
