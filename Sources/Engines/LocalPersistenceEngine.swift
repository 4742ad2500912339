public import NIOCore

/// The local persistence component of the paper's §5: an ordered map from byte keys to byte values, in one folder.
///
/// Keys are ordered as unsigned bytes, a prefix before its extensions, whatever order the C library would have.
/// A key has 0 to ``EngineLimits/maximumKeyLength`` bytes and a value 0 to ``EngineLimits/maximumValueLength``.
///
/// Any number of threads may read and scan at any time, and never wait behind a sync, nor behind a commit, but for one
/// exception: ``BerkeleyDBEngine`` locks the pages that a batch changes until it is carried out in memory. Commits,
/// syncs and ``close()`` come from one thread at a time (``WriterThread`` is that thread); a commit is visible to every
/// read that starts after it returned. After ``close()`` every call fails with ``EngineError/Code/closed``.
public protocol LocalPersistenceEngine: AnyObject, Sendable {
    var kind: EngineKind { get }

    /// Calls `body` once with the value stored under `key`, or with nil where there is none.
    ///
    /// The bytes belong to the engine and are valid during the call only. `body` must not call the engine.
    func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws

    /// Carries out the whole batch, in its order, as one transaction: after a crash all of it is there or none.
    ///
    /// Returns when the batch is as durable as asked. An error means that nothing of the batch is visible, unless its
    /// code is ``EngineError/Code/syncFailed``: then the engine is done for (the page cache cannot be trusted after a
    /// failed sync) and refuses every later commit.
    func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError)

    /// Visits the keys of `range` in ascending order, over one consistent snapshot, until `body` says
    /// ``ScanStep/stop``.
    ///
    /// It fails with ``EngineError/Code/expired`` where so much was changed meanwhile that the snapshot cannot be kept.
    /// The bytes are valid during the call only. `body` must not call the engine, nor wait for a commit: LMDB's map
    /// grows when no read is running. For as long as a scan runs, what was deleted or replaced since keeps its space.
    func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws

    /// Makes every commit that returned before it durable.
    func sync() throws(EngineError)

    /// Calls `body` once, when every commit that returned before this call is durable or when that has failed, from
    /// the thread that commits.
    ///
    /// Engines by themselves, and the logged write path, sync and call it before they return. The buffered write path
    /// returns at once and calls it on the thread that empties the buffer (or on the caller's, where the buffer is
    /// empty): `body` must not block it, nor call the engine. After a failure with ``EngineError/Code/full`` the
    /// commits stand as they did, and may become durable later.
    func whenDurable(_ body: @escaping @Sendable (Result<Void, EngineError>) -> Void)

    /// Whether ``whenDurable(_:)`` returns before it is: then a synced commit would hold up those after it.
    var defersDurability: Bool { get }

    /// What has ended the engine behind its callers' backs, such as a failed sync on a thread of its own; nil while it
    /// is sound. From any thread.
    var failure: EngineError? { get }

    func statistics() throws(EngineError) -> EngineStatistics

    /// Syncs and gives back every resource, also where it fails: then what was not synced before may not be durable. A
    /// second call does nothing.
    func close() throws(EngineError)
}

extension LocalPersistenceEngine {
    public var defersDurability: Bool { false }

    public var failure: EngineError? { nil }

    public func whenDurable(_ body: @escaping @Sendable (Result<Void, EngineError>) -> Void) {
        body(Result { () throws(EngineError) in try sync() })
    }
}

/// What a commit's return promises.
public enum Durability: Sendable, Comparable {
    /// Whole or not at all, in commit order; a crash of the machine may lose the newest commits.
    case unsynced
    /// On stable storage.
    case synced
}

public enum ScanStep: Sendable {
    case proceed
    case stop
}

/// The engines a store can stand on, by the names the configuration uses.
public enum EngineKind: String, CaseIterable, Sendable {
    case lmdb
    case bdb
    case sqlite
    case memory
}

public enum EngineLimits {
    /// Bytes. The object store's longest key (kind, partition, escaped type, bucket and key) fits.
    public static let maximumKeyLength = 4096
    /// Bytes.
    public static let maximumValueLength = 16 << 20
}

/// `lowerBound` is in the range, `upperBound` is not; a nil upper bound means no end.
public struct KeyRange: Sendable, Equatable {
    public var lowerBound: ByteBuffer
    public var upperBound: ByteBuffer?

    public init(from lowerBound: ByteBuffer, to upperBound: ByteBuffer?) {
        self.lowerBound = lowerBound
        self.upperBound = upperBound
    }

    public static let all = KeyRange(from: ByteBuffer(), to: nil)
}

/// Writes that become visible together, in the order in which they were added.
public struct WriteBatch: Sendable {
    public enum Operation: Sendable {
        case put(key: ByteBuffer, value: ByteBuffer)
        case delete(key: ByteBuffer)
        case deleteRange(KeyRange)
    }

    public private(set) var operations: [Operation] = []

    public init() {}

    public var isEmpty: Bool { operations.isEmpty }

    public mutating func put(_ value: ByteBuffer, for key: ByteBuffer) {
        operations.append(.put(key: key, value: value))
    }

    public mutating func delete(_ key: ByteBuffer) {
        operations.append(.delete(key: key))
    }

    public mutating func deleteRange(_ range: KeyRange) {
        operations.append(.deleteRange(range))
    }

    public mutating func append(contentsOf other: WriteBatch) {
        operations.append(contentsOf: other.operations)
    }

    public mutating func removeAll(keepingCapacity: Bool) {
        operations.removeAll(keepingCapacity: keepingCapacity)
    }
}

/// Figures of one engine, for `status` and the metrics.
public struct EngineStatistics: Sendable, Equatable {
    /// Keys stored.
    public var entries: Int
    /// Bytes the engine's files take on disk, the log's included; 0 for the memory engine.
    public var diskBytes: Int
    /// Commits and syncs since it was opened.
    public var commits: Int
    public var syncs: Int
    /// Of the buffer and the log, where the write path has them.
    public var writePath: WritePathStatistics?

    public init(entries: Int, diskBytes: Int, commits: Int, syncs: Int) {
        self.entries = entries
        self.diskBytes = diskBytes
        self.commits = commits
        self.syncs = syncs
    }
}
