import Engines
import NIOCore
import Node
import Placement
import Testing
import Versions

@testable import Storage

/// What a stand-in keeps (Dynamo §4.6): in its own place, in order, within bounds, until it is delivered.
@Suite struct HintStoreTests {
    private let ben = MemberID(rawValue: 2)
    private let cleo = MemberID(rawValue: 3)
    private let engine = MemoryEngine()

    private func store(_ limits: HintLimits = HintLimits()) throws -> ObjectStore {
        try ObjectStore(engine: engine, contents: .hints(limits)) { _, _ in }
    }

    private func request(_ name: String, for member: MemberID, _ operation: StorageOperation) -> StorageRequest {
        StorageRequest(
            token: StorageToken(rawValue: 1), store: 0, partition: 3, key: StoreFixture.key(name),
            place: .hint(for: member), operation: operation)
    }

    @discardableResult
    private func perform(_ store: ObjectStore, _ requests: StorageRequest...) -> [StorageCompletion] {
        var completions: [StorageCompletion] = []
        store.perform(requests) { completions.append($0) }
        return completions
    }

    private func keep(_ store: ObjectStore, _ name: String, _ value: String, for member: MemberID, birth: UInt64 = 0)
        throws -> StorageCompletion?
    {
        let object = try StoreFixture.foreign(value, birth: birth)
        return perform(store, request(name, for: member, .merge(object, .siblings, .sometime))).last
    }

    private func page(_ store: ObjectStore, for member: MemberID, after: UInt64 = 0, limit: Int = 100) throws
        -> HintPage
    {
        let scan = HintScan(
            token: StorageToken(rawValue: 2), store: 0, member: member, after: after, maximumHints: limit,
            maximumBytes: 1 << 20)
        guard case .hints(_, let page) = store.scan(scan) else {
            throw StoreFixture.Unexpected(completions: [store.scan(scan)])
        }
        return page
    }

    private func names(_ page: HintPage) -> [String] { page.hints.map { String(buffer: $0.key.key) } }

    @Test("hints are walked in the order in which they came, each member's apart, page by page, over reopenings")
    func order() throws {
        let first = try store()
        for (name, member) in [("c", ben), ("a", ben), ("x", cleo), ("b", ben)] {
            _ = try keep(first, name, "1", for: member)
        }
        // Another version joins the hint where it is.
        _ = try keep(first, "c", "2", for: ben, birth: 1)
        for store in [first, try store()] {
            let whole = try page(store, for: ben)
            #expect(names(whole) == ["c", "a", "b"])
            #expect(whole.hints[0].object?.siblings.count == 2)
            #expect(names(try page(store, for: cleo)) == ["x"])
            let begin = try page(store, for: ben, limit: 2)
            #expect(names(begin) == ["c", "a"])
            #expect(names(try page(store, for: ben, after: try #require(begin.last), limit: 2)) == ["b"])
            #expect(try page(store, for: ben, after: try #require(whole.last)).last == nil)
            #expect(store.statistics.hints == 4 && store.statistics.hintBytes > 100)
        }
        _ = try keep(try store(), "d", "1", for: ben)
        #expect(names(try page(try store(), for: ben)) == ["c", "a", "b", "d"], "the order goes on after a reopening")
    }

    @Test("a delivered hint goes; one that another version has joined since stays, with all of it")
    func drop() throws {
        let store = try store()
        _ = try keep(store, "a", "1", for: ben)
        _ = try keep(store, "b", "1", for: ben)
        let delivered = try page(store, for: ben).hints
        _ = try keep(store, "b", "2", for: ben, birth: 1)
        for hint in delivered {
            perform(
                store,
                StorageRequest(
                    token: StorageToken(rawValue: 5), store: 0, partition: 3, key: hint.key, place: .hint(for: ben),
                    operation: .dropHint(order: hint.order, delivered: hint.object)))
        }
        let left = try page(store, for: ben)
        #expect(names(left) == ["b"] && left.hints[0].object?.siblings.count == 2)
        #expect(store.statistics.hints == 1)
        let reopened = try self.store()
        #expect(reopened.statistics.hints == 1 && reopened.statistics.hintBytes == store.statistics.hintBytes)
    }

    @Test("a hint dropped and kept again in one group is there, at the end of the order")
    func dropAndKeep() throws {
        let store = try store()
        _ = try keep(store, "a", "1", for: ben)
        _ = try keep(store, "b", "1", for: ben)
        let hint = try page(store, for: ben).hints[0]
        perform(
            store, request("a", for: ben, .dropHint(order: hint.order, delivered: hint.object)),
            request("a", for: ben, .merge(try StoreFixture.foreign("2", birth: 1), .siblings, .sometime)))
        #expect(names(try page(store, for: ben)) == ["b", "a"])
        #expect(store.statistics.hints == 2)
    }

    @Test("a full store declines new hints, and still takes versions of those that it keeps")
    func full() throws {
        let store = try store(HintLimits(maximumHints: 2, maximumBytes: 1 << 20))
        for name in ["a", "b"] { _ = try keep(store, name, "1", for: ben) }
        guard case .failed(_, .hintsFull(limit: 2)) = try keep(store, "c", "1", for: cleo) else {
            Issue.record("the third hint was taken")
            return
        }
        guard case .written = try keep(store, "a", "2", for: ben, birth: 1) else {
            Issue.record("a version of a kept hint was declined")
            return
        }
        #expect(store.statistics.hints == 2)
        let small = try ObjectStore(
            engine: MemoryEngine(), contents: .hints(HintLimits(maximumHints: 10, maximumBytes: 100))
        ) {
            _, _ in
        }
        _ = try keep(small, "a", String(repeating: "v", count: 200), for: ben)
        guard case .failed(_, .hintsFull) = try keep(small, "b", "1", for: ben) else {
            Issue.record("more bytes were taken than there is room for")
            return
        }
    }

    @Test("a commit that fails leaves the counts as they were")
    func failedCommit() throws {
        let engine = FailingEngine()
        let store = try ObjectStore(engine: engine, contents: .hints(HintLimits())) { _, _ in }
        _ = try keep(store, "a", "1", for: ben)
        engine.failures = [.full]
        guard case .failed = try keep(store, "b", "1", for: ben) else {
            Issue.record("the commit did not fail")
            return
        }
        _ = try keep(store, "c", "1", for: ben)
        #expect(store.statistics.hints == 2)
        #expect(names(try page(store, for: ben)) == ["a", "c"])
    }

    @Test("a damaged hint is found by its reader, handed over as one with nothing to deliver, and dropped")
    func damaged() throws {
        let damages = DamageCount()
        let store = try ObjectStore(engine: engine, contents: .hints(HintLimits())) { _, _ in damages.count += 1 }
        for name in ["a", "b"] { _ = try keep(store, name, "1", for: ben) }
        let key = RecordKey.hint(StoreFixture.key("a"), partition: 3, for: ben)
        var batch = WriteBatch()
        batch.put(ByteBuffer(string: "damage"), for: key)
        try engine.commit(batch, durability: .synced)
        let found = try page(store, for: ben)
        #expect(names(found) == ["a", "b"] && found.hints[0].object == nil && damages.count == 1)
        perform(store, request("a", for: ben, .dropHint(order: found.hints[0].order, delivered: nil)))
        #expect(names(try page(store, for: ben)) == ["b"] && store.statistics.hints == 1)
    }

    private final class DamageCount: @unchecked Sendable {
        // Unchecked: the test has one thread.
        var count = 0
    }

    @Test("a read for several holders merges what is kept for them; hints are no objects of the node's own")
    func reads() throws {
        let store = try store()
        _ = try keep(store, "a", "1", for: ben)
        _ = try keep(store, "a", "2", for: cleo, birth: 1)
        var read = request("a", for: ben, .read)
        read.place = .hints(for: [ben, cleo], .siblings)
        guard case .read(_, let both) = store.read(read) else { return }
        #expect(both?.siblings.count == 2)
        read.place = .hints(for: [cleo], .siblings)
        guard case .read(_, let one) = store.read(read) else { return }
        #expect(one?.siblings.count == 1)
        read.place = .hints(for: [ben, cleo], .lastWriteWins)
        guard case .read(_, let last) = store.read(read) else { return }
        #expect(last?.siblings.count == 1)
        read.place = .own
        guard case .read(_, nil) = store.read(read) else {
            Issue.record("a hint is read as an object")
            return
        }
    }

    @Test("a version minted into a hint has a birth that no object's can have")
    func births() throws {
        let hints = try store()
        let minted = perform(hints, request("a", for: ben, StoreFixture.mint("v")))
        guard case .minted(_, let object) = minted[0] else { return }
        let own = try StoreFixture(MemoryEngine()).put("v", to: StoreFixture.key("a"))
        #expect(object.siblings[0].dot.actor.birth >= 1 << 56 && own.siblings[0].dot.actor.birth < 1 << 56)
        // The next one goes on counting: it is the very record that it minted in.
        let again = perform(hints, request("a", for: ben, StoreFixture.mint("w", context: object.context())))
        guard case .minted(_, let next) = again[0] else { return }
        #expect(next.siblings[0].dot.actor == object.siblings[0].dot.actor && next.siblings[0].dot.counter == 2)
    }
}
