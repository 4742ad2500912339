import Engines
import NIOCore
import Node
import Placement
import Testing
import Versions

@testable import Storage

/// Merkle trees (Dynamo §4.7): what they say is what the store holds, whatever it has been through.
@Suite struct TreeTests {
    private static let type = ByteBuffer(string: "default")
    private static let settings = TreeSettings(shape: TreeShape(levels: 2), partitions: 8, replicas: [type: 3])
    private let tree = TreeID(partition: 3, n: 3)

    private func store(
        on engine: any LocalPersistenceEngine, settings: TreeSettings = settings, built: Bool = true
    ) throws -> ObjectStore {
        let store = try ObjectStore(engine: engine, contents: .objects(settings)) { _, _ in }
        if built { try build(store) }
        return store
    }

    private func build(_ store: ObjectStore) throws {
        while let page = try store.readTreePage() { store.take(page) }
    }

    private func perform(_ store: ObjectStore, _ requests: StorageRequest...) {
        store.perform(requests) { _ in }
    }

    private func merge(_ store: ObjectStore, _ name: String, _ value: String, birth: UInt64 = 0) throws {
        let object = try StoreFixture.foreign(value, birth: birth)
        perform(store, StoreFixture.request(.merge(object, .siblings, .sometime), StoreFixture.key(name)))
    }

    private func root(_ store: ObjectStore) -> UInt64? {
        guard case .roots(let roots) = store.answer(.roots([tree])) else { return nil }
        return roots[0]
    }

    private func keys(_ store: ObjectStore, after: ByteBuffer? = nil, upTo: ByteBuffer? = nil) -> TreeKeys? {
        let all = LeafSet(0..<256, of: Self.settings.shape)
        let listing = TreeListing(tree: tree, leaves: all, after: after, upTo: upTo)
        guard case .keys(let keys) = store.answer(.keys(listing)) else { return nil }
        return keys
    }

    @Test("stores with the same objects have the same trees, in whatever order and by whatever writes these came")
    func orderFree() throws {
        let first = try store(on: MemoryEngine())
        let second = try store(on: MemoryEngine())
        for number in 0..<100 { try merge(first, "k\(number)", "a", birth: UInt64(number)) }
        for number in (0..<100).reversed() {
            #expect(root(first) != root(second))
            try merge(second, "k\(number)", "a", birth: UInt64(number))
        }
        #expect(root(first) == root(second))
        // Two versions of one key, in both orders.
        try merge(first, "k7", "b", birth: 1000)
        #expect(root(first) != root(second))
        try merge(first, "k7", "c", birth: 1001)
        try merge(second, "k7", "c", birth: 1001)
        try merge(second, "k7", "b", birth: 1000)
        #expect(root(first) == root(second))
        #expect(try first.wrongTrees().isEmpty && second.wrongTrees().isEmpty)
    }

    @Test("a tree differs in the path from the root to the leaf of the key that differs, and nowhere else")
    func descent() throws {
        let shape = Self.settings.shape
        let first = try store(on: MemoryEngine())
        let second = try store(on: MemoryEngine())
        for number in 0..<200 {
            try merge(first, "k\(number)", "a", birth: UInt64(number))
            if number != 77 { try merge(second, "k\(number)", "a", birth: UInt64(number)) }
        }
        for level in 1...shape.levels {
            let question = TreeQuestion.sums(tree, level: level, nodes: Array(0..<UInt32(shape.count(at: level))))
            guard case .sums(let one) = first.answer(question), case .sums(let other) = second.answer(question) else {
                Issue.record("no sums of level \(level)")
                return
            }
            #expect(one.reduce(0, &+) == root(first))
            let different = one.indices.filter { one[$0] != other[$0] }
            #expect(different.count == 1)
            guard level == shape.levels, let leaf = different.first else { continue }
            let listing = TreeListing(tree: tree, leaves: LeafSet([UInt32(leaf)], of: shape))
            guard case .keys(let here) = first.answer(.keys(listing)),
                case .keys(let there) = second.answer(.keys(listing))
            else {
                Issue.record("no keys")
                return
            }
            #expect(Set(here.entries).subtracting(there.entries).map(\.key) == [StoreFixture.key("k77")])
        }
    }

    @Test(
        "trees tell nothing until they are built, and of a type with one replica, or none that is known, nothing ever")
    func unavailable() throws {
        let engine = MemoryEngine()
        let store = try store(on: engine, built: false)
        try merge(store, "a", "1")
        #expect(root(store) == nil)
        #expect(store.answer(.sums(tree, level: 1, nodes: [0])) == .unavailable)
        try build(store)
        #expect(root(store) != nil && root(store) != 0)
        let single = TreeSettings(shape: TreeShape(levels: 2), partitions: 8, replicas: [Self.type: 1])
        #expect(root(try self.store(on: engine, settings: single)) == 0)
    }

    @Test("a peer's question about nodes, levels or places that are not there is refused")
    func strangeQuestions() throws {
        let store = try store(on: MemoryEngine())
        #expect(store.answer(.sums(tree, level: 1, nodes: [16])) == .unavailable)
        #expect(store.answer(.sums(tree, level: 3, nodes: [0])) == .unavailable)
        #expect(store.answer(.sums(tree, level: 0, nodes: [0, 0])) == .unavailable)
        #expect(store.answer(.sums(TreeID(partition: 8, n: 3), level: 1, nodes: [0])) == .unavailable)
        #expect(keys(store, after: ByteBuffer(string: "elsewhere")) == nil)
    }

    @Test("writes between the reading of a page and its being taken in are counted once", arguments: 0..<10)
    func writesWhileBuilding(_ seed: Int) throws {
        let engine = MemoryEngine()
        let first = try store(on: engine, built: false)
        let merges = try (0..<3000).map { number in
            let object = try StoreFixture.foreign("a", birth: UInt64(number))
            return StoreFixture.request(.merge(object, .siblings, .sometime), StoreFixture.key("k\(number)"))
        }
        first.perform(merges) { _ in }
        // As after a crash: what there is has to be read.
        let second = try store(on: engine, built: false)
        var birth = UInt64(10_000 + seed * 1000)
        func write() throws {
            for _ in 0..<5 {
                birth += 1
                try merge(second, "k\((birth &* 2_654_435_761 >> 7) % 4000)", "b", birth: birth)
            }
        }
        var pages = 0
        try write()
        while let page = try second.readTreePage() {
            try write()
            second.take(page)
            try write()
            pages += 1
        }
        #expect(pages > 3)
        #expect(try second.wrongTrees().isEmpty)
        #expect(root(second) == root(try store(on: engine)))
    }

    @Test("keys are listed page by page, each once, in the same order everywhere")
    func pages() throws {
        let store = try store(on: MemoryEngine())
        let count = TreeListing.maximumKeys * 2 + 100
        for number in 0..<count { try merge(store, "k\(number)", "a", birth: UInt64(number)) }
        var found: [ObjectKey] = []
        var after: ByteBuffer?
        var pages = 0
        repeat {
            let page = try #require(keys(store, after: after))
            found += page.entries.map(\.key)
            after = page.last
            pages += 1
        } while after != nil
        #expect(pages == 3)
        #expect(found.count == count && Set(found).count == count)
        let first = try #require(keys(store))
        #expect(first.entries.count == TreeListing.maximumKeys)
        // Up to where another one's page went.
        #expect(keys(store, upTo: first.last) == TreeKeys(entries: first.entries, last: nil))
    }

    // MARK: Damage

    private func damage(_ engine: FailingEngine, _ name: String) throws {
        let key = RecordKey.object(StoreFixture.key(name), partition: 3)
        var value = try #require(try engine.value(of: key))
        value.setInteger(UInt8(99), at: value.readerIndex + 20)
        try engine.overwrite(key, with: value)
    }

    @Test("a record that cannot be read leaves the trees, and comes back into them with what replaces it")
    func damaged() throws {
        let engine = FailingEngine()
        let store = try store(on: engine)
        let whole = try self.store(on: MemoryEngine())
        for store in [store, whole] {
            for number in 0..<20 { try merge(store, "k\(number)", "a", birth: UInt64(number)) }
        }
        try damage(engine, "k5")
        // Nobody has met it yet.
        #expect(root(store) == root(whole) && store.treesDue == 0)
        _ = store.read(StoreFixture.request(.read, StoreFixture.key("k5")))
        #expect(store.treesDue == 1)
        try build(store)
        #expect(root(store) != root(whole))
        #expect(keys(store)?.entries.count == 19)
        // It is known to be missing: meeting it again changes nothing.
        _ = store.read(StoreFixture.request(.read, StoreFixture.key("k5")))
        #expect(store.treesDue == 0)
        try merge(store, "k5", "a", birth: 5)
        #expect(root(store) == root(whole))
        #expect(store.treesDue == 0)
        #expect(try store.wrongTrees().isEmpty)
    }

    @Test("a damaged record that is overwritten before anybody has read it does not leave its old sum behind")
    func damagedAndOverwritten() throws {
        let engine = FailingEngine()
        let store = try store(on: engine)
        for number in 0..<20 { try merge(store, "k\(number)", "a", birth: UInt64(number)) }
        try damage(engine, "k5")
        try merge(store, "k5", "b", birth: 100)
        #expect(store.treesDue == 1)
        try build(store)
        #expect(store.treesDue == 0)
        #expect(try store.wrongTrees().isEmpty)
    }

    @Test("what changed behind the store's back is found when its partition is read again")
    func reread() throws {
        let engine = FailingEngine()
        let store = try store(on: engine)
        for number in 0..<20 { try merge(store, "k\(number)", "a", birth: UInt64(number)) }
        let before = root(store)
        try damage(engine, "k5")
        #expect(root(store) == before)
        var partition: Int? = 3
        while let page = try store.readTreePage(rereading: partition) {
            // The old ones are of use meanwhile.
            #expect(root(store) == before)
            store.take(page)
            partition = nil
        }
        #expect(root(store) != before)
        #expect(store.statistics.damagedRecords == 1)
    }

    @Test("a record that could be read again is not taken away from trees that had left it out")
    func damagedForAMoment() throws {
        let engine = FailingEngine()
        let store = try store(on: engine)
        for number in 0..<20 { try merge(store, "k\(number)", "a", birth: UInt64(number)) }
        let key = RecordKey.object(StoreFixture.key("k5"), partition: 3)
        let whole = try #require(try engine.value(of: key))
        try damage(engine, "k5")
        _ = store.read(StoreFixture.request(.read, StoreFixture.key("k5")))
        try build(store)
        try engine.overwrite(key, with: whole)
        try merge(store, "k5", "b", birth: 100)
        #expect(try store.wrongTrees().isEmpty)
    }

    @Test("a partition that cannot be read keeps no other from its trees, and gets its own when it can be read")
    func unreadable() throws {
        let engine = FailingEngine()
        let store = try store(on: engine, built: false)
        try merge(store, "a", "1")
        engine.failingScans = RecordKey.objects(of: 3)
        var failures = 0
        for _ in 0..<40 {
            do {
                if let page = try store.readTreePage() { store.take(page) }
            } catch {
                failures += 1
            }
        }
        #expect(store.treesDue == 1 && failures > 0)
        #expect(store.statistics.failedTreePages == failures)
        #expect(root(store) == nil)
        engine.failingScans = nil
        try build(store)
        #expect(store.treesDue == 0)
        #expect(try store.wrongTrees().isEmpty)
    }

    @Test("types of one store with different n have trees of their own")
    func severalCounts() throws {
        let settings = TreeSettings(
            shape: TreeShape(levels: 2), partitions: 8, replicas: [Self.type: 3, ByteBuffer(string: "pairs"): 2])
        let store = try store(on: MemoryEngine(), settings: settings)
        try merge(store, "a", "1")
        let before = root(store)
        let object = try StoreFixture.foreign("2")
        let pair = ObjectKey(type: "pairs", bucket: "b", key: "a")
        perform(store, StoreFixture.request(.merge(object, .siblings, .sometime), pair))
        #expect(root(store) == before)
        guard case .roots(let roots) = store.answer(.roots([TreeID(partition: 3, n: 2)])) else { return }
        #expect(roots[0] != 0)
        #expect(keys(store)?.entries.map(\.key) == [StoreFixture.key("a")])
        #expect(try store.wrongTrees().isEmpty)
    }

    // MARK: Over a stop

    private let start = StartRecord(number: 1, session: 11, incarnation: 1)
    private let next = StartRecord(number: 2, session: 12, incarnation: 1)

    @Test("a clean stop leaves the trees to the next start")
    func saved() throws {
        let engine = FailingEngine()
        let first = try store(on: engine)
        try first.use(by: start)
        for number in 0..<50 { try merge(first, "k\(number)", "a", birth: UInt64(number)) }
        #expect(try first.close())
        let second = try store(on: engine, built: false)
        #expect(root(second) == nil)
        try second.use(by: next)
        #expect(second.treesDue == 0)
        #expect(root(second) == root(first))
        try merge(second, "more", "a", birth: 900)
        #expect(try second.wrongTrees().isEmpty)
    }

    enum Staleness: CaseIterable {
        /// The last start did not close the store.
        case crash
        /// The start after the one that left them did not, and this one follows a third that closed it half built.
        case unfinished
        case otherTypes
        case damage
    }

    @Test("trees that may not be what the store holds are built anew", arguments: Staleness.allCases)
    func stale(_ staleness: Staleness) throws {
        let engine = FailingEngine()
        let first = try store(on: engine)
        try first.use(by: start)
        for number in 0..<50 { try merge(first, "k\(number)", "a", birth: UInt64(number)) }
        #expect(try first.close())
        var settings = Self.settings
        switch staleness {
        case .crash:
            let second = try store(on: engine, built: false)
            try second.use(by: next)
            try merge(second, "more", "a", birth: 900)
        case .unfinished:
            let second = try store(on: engine, built: false)
            try second.use(by: next)
            try merge(second, "more", "a", birth: 900)
            let third = try store(on: engine, built: false)
            try third.use(by: StartRecord(number: 3, session: 13, incarnation: 1))
            #expect(try third.close())
        case .otherTypes: settings.replicas[Self.type] = 2
        case .damage:
            let key = RecordKey.tree(tree)
            var value = try #require(try engine.value(of: key))
            value.setInteger(UInt8(99), at: value.readerIndex + 20)
            try engine.overwrite(key, with: value)
        }
        let last = try store(on: engine, settings: settings, built: false)
        try last.use(by: StartRecord(number: 4, session: 14, incarnation: 1))
        #expect(last.treesDue == 8)
        try build(last)
        #expect(try last.wrongTrees().isEmpty)
    }

    @Test("a stop while a partition is read again leaves the trees that it had")
    func savedWhileRereading() throws {
        let engine = FailingEngine()
        let first = try store(on: engine)
        try first.use(by: start)
        for number in 0..<3000 { try merge(first, "k\(number)", "a", birth: UInt64(number)) }
        let page = try #require(try first.readTreePage(rereading: 3))
        first.take(page)
        #expect(try first.close())
        let second = try store(on: engine, built: false)
        try second.use(by: next)
        #expect(second.treesDue == 0)
        #expect(try second.wrongTrees().isEmpty)
    }

    @Test("a store that has no room for its trees is closed without them")
    func noRoom() throws {
        let engine = FailingEngine()
        let first = try store(on: engine)
        try first.use(by: start)
        try merge(first, "a", "1")
        engine.failures = [.full]
        #expect(try first.close())
        let second = try store(on: engine, built: false)
        #expect(try second.wasClosed(by: start))
        try second.use(by: next)
        #expect(second.treesDue == 8)
    }

    @Test("a commit that fails changes no tree")
    func failedCommit() throws {
        let engine = FailingEngine()
        let store = try store(on: engine)
        try merge(store, "a", "1")
        let before = root(store)
        engine.failures = [.failed]
        try merge(store, "b", "1")
        #expect(root(store) == before)
        #expect(try store.wrongTrees().isEmpty)
    }
}
