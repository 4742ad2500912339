import Engines
import Foundation
import NIOCore
import Node
import Placement
import Storage
import Versions

/// A folder that is gone after the test.
final class TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("rotor-storage-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// The memory engine, made to fail at will and to count.
final class FailingEngine: LocalPersistenceEngine, @unchecked Sendable {
    // Unchecked: a test uses it in one thread.
    private let base = MemoryEngine(keepsLastSync: true)
    /// What the next commits end with; they leave nothing.
    var failures: [EngineError.Code] = []
    private(set) var commits: [(batch: WriteBatch, durability: Durability)] = []
    private(set) var syncs = 0
    var failsNextSync = false
    /// Where scans that begin there fail.
    var failingScans: KeyRange?
    /// As behind a buffer: who wants to know when what there is is durable waits for ``becomeDurable(failing:)``.
    var defersDurability = false
    private var waiters: [@Sendable (Result<Void, EngineError>) -> Void] = []
    var waiting: Int { waiters.count }
    /// Stays readable after ``close()``, as a folder does.
    private(set) var isClosed = false

    var kind: EngineKind { .memory }

    func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try base.read(key, body)
    }

    func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        if !failures.isEmpty {
            throw EngineError(failures.removeFirst(), operation: "commit", detail: "the test says so")
        }
        commits.append((batch, durability))
        try base.commit(batch, durability: durability)
    }

    func scan(
        _ range: KeyRange, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        if let failing = failingScans, failing.lowerBound == range.lowerBound {
            throw EngineError(.failed, operation: "scan", detail: "the test says so")
        }
        try base.scan(range, body)
    }

    func sync() throws(EngineError) {
        if failsNextSync {
            failsNextSync = false
            throw EngineError(.syncFailed, operation: "sync", detail: "the test says so")
        }
        if !failures.isEmpty {
            throw EngineError(failures.removeFirst(), operation: "sync", detail: "the test says so")
        }
        syncs += 1
        try base.sync()
    }

    func whenDurable(_ body: @escaping @Sendable (Result<Void, EngineError>) -> Void) {
        if defersDurability { return waiters.append(body) }
        body(Result { () throws(EngineError) in try sync() })
    }

    func becomeDurable(failing code: EngineError.Code? = nil) {
        let error = code.map { EngineError($0, operation: "sync", detail: "the test says so") }
        for waiter in waiters { waiter(error.map { .failure($0) } ?? .success(())) }
        waiters = []
    }

    func statistics() throws(EngineError) -> EngineStatistics { try base.statistics() }

    func close() throws(EngineError) {
        isClosed = true
        try base.sync()
    }

    func loseUnsynced() {
        base.loseUnsynced()
    }

    /// Writes behind the store's back.
    func overwrite(_ key: ByteBuffer, with value: ByteBuffer) throws {
        var batch = WriteBatch()
        batch.put(value, for: key)
        try base.commit(batch, durability: .synced)
    }

    func value(of key: ByteBuffer) throws -> ByteBuffer? {
        var found: ByteBuffer?
        try base.read(key) { bytes in found = bytes.map { ByteBuffer(bytes: $0) } }
        return found
    }

    func keys() throws -> [ByteBuffer] {
        var keys: [ByteBuffer] = []
        try base.scan(.all) { key, _ in
            keys.append(ByteBuffer(bytes: key))
            return .proceed
        }
        return keys
    }
}

/// An object store as a writer sees it.
struct StoreFixture {
    let store: ObjectStore
    static let minter = Minter(node: 7, incarnation: 3)

    init(_ engine: any LocalPersistenceEngine, onDamage: @escaping @Sendable (ObjectKey, String) -> Void = { _, _ in })
        throws
    {
        store = try ObjectStore(engine: engine, onDamage: onDamage)
    }

    static func key(_ name: String) -> ObjectKey { ObjectKey(type: "default", bucket: "b", key: name) }

    static func request(_ operation: StorageOperation, _ key: ObjectKey, token: UInt64 = 1) -> StorageRequest {
        StorageRequest(
            token: StorageToken(rawValue: token), store: 0, partition: 3, key: key, operation: operation)
    }

    static func mint(
        _ value: String, context: Context? = nil, minter: Minter = minter, durable: Bool = true,
        maximumSiblings: Int? = nil, at milliseconds: UInt64 = 1_700_000_000_000
    ) -> StorageOperation {
        let mint = Mint(
            content: Content(value: ByteBuffer(string: value)), context: context,
            now: HybridTime(milliseconds: milliseconds), policy: .siblings, maximumSiblings: maximumSiblings)
        return .mint(mint, by: minter, durable ? .beforeAnswer : .sometime)
    }

    @discardableResult
    func perform(_ requests: StorageRequest...) -> [StorageCompletion] {
        var completions: [StorageCompletion] = []
        store.perform(requests) { completions.append($0) }
        return completions
    }

    /// Mints alone in its group; the object, or why not.
    func put(
        _ value: String, to key: ObjectKey, context: Context? = nil, minter: Minter = minter, durable: Bool = true
    ) throws -> VersionedObject {
        let completions = perform(
            Self.request(Self.mint(value, context: context, minter: minter, durable: durable), key))
        guard completions.count == 2, case .minted(_, let object) = completions[0], case .written = completions[1]
        else { throw Unexpected(completions: completions) }
        return object
    }

    func read(_ key: ObjectKey) throws -> VersionedObject? {
        let completion = store.read(Self.request(.read, key))
        guard case .read(_, let object) = completion else { throw Unexpected(completions: [completion]) }
        return object
    }

    struct Unexpected: Error {
        let completions: [StorageCompletion]
    }

    /// A version written elsewhere.
    static func foreign(_ value: String, birth: UInt64 = 0, context: Context? = nil) throws -> VersionedObject {
        let mint = Mint(
            content: Content(value: ByteBuffer(string: value)), context: context,
            now: HybridTime(milliseconds: 1_700_000_000_000 + birth), policy: .siblings)
        return try mint.minted(onto: nil, actor: Actor(node: 9, incarnation: 1, birth: birth)).object
    }
}

extension VersionedObject {
    var values: [String] { siblings.map { String(buffer: $0.content.value) }.sorted() }
}
