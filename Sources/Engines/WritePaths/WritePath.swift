/// How a commit reaches a store's engine.
public enum WritePath: String, CaseIterable, Sendable {
    /// The engine's own commit, and its own sync.
    case direct
    /// Dynamo §6.1: a commit is in an object buffer in memory when it returns, and reaches the engine later, with many
    /// others in one transaction. A crash loses at most what the buffer held.
    case buffered
    /// The same buffer behind a write-ahead log: a commit is as durable as it was asked to be when it returns.
    case logged

    /// The one to take where none is chosen. The memory engine keeps nothing that a log could follow.
    public static func usual(for engine: EngineKind) -> WritePath { engine == .memory ? .direct : .logged }
}

/// The bounds of the object buffer and of its log. The defaults suit a store of some gigabytes.
public struct WritePathOptions: Sendable, Equatable {
    /// Objects in the buffer, those that are on their way to the engine included. A commit that finds it full waits.
    public var bufferObjects = 1 << 18
    /// Bytes of the buffer: keys, values and ``objectOverhead`` for each. A batch beyond it is taken where the buffer
    /// is empty. Nil for 128 MiB; for Berkeley DB, which has a page cache beside it, 64, and without a log 16: there a
    /// generation is one transaction, and its readers wait for the pages that it changes.
    public var bufferBytes: Int?
    /// Behind a log a generation reaches the engine in transactions of about so many bytes; without one it is a single
    /// transaction. Nil for what suits the engine.
    public var transactionBytes: Int?
    /// What is in the buffer goes to the engine after so many seconds, however little it is.
    public var drainSeconds = 5
    /// Of a file of the log; it takes so much from the beginning. The default holds the largest value with its key, is
    /// written full of zeros in some ten milliseconds, and is left behind a few times a second by the fastest writer.
    /// A commit beyond it gets a file of its own, as large as it needs.
    public var segmentBytes = 32 << 20
    /// The most that the log takes on disk, but for what one commit beyond it needs. The buffer goes to the engine
    /// early where the log would grow beyond it. At least four segments.
    public var logBytes = 384 << 20

    /// Bytes that an object in the buffer costs beside its key and value, roughly.
    public static let objectOverhead = 128

    public init() {}

    func bufferBytes(for kind: EngineKind, isLogged: Bool) -> Int {
        if let bufferBytes { return bufferBytes }
        guard kind == .bdb else { return 128 << 20 }
        return isLogged ? 64 << 20 : 16 << 20
    }

    /// LMDB keeps the pages that a transaction changes in a sorted list, into which each goes at its place, and cannot
    /// use those that it gives up before the next; SQLite holds back what spills from its cache; Berkeley DB's readers
    /// wait for the pages that a transaction changes.
    func transactionBytes(for kind: EngineKind) -> Int {
        transactionBytes ?? (kind == .bdb ? 4 << 20 : 16 << 20)
    }

    var segments: Int { max(logBytes / segmentBytes, 4) }
}

/// Figures of one store's buffer and log since it was opened.
public struct WritePathStatistics: Sendable, Equatable {
    /// In memory now: what a crash loses at most where there is no log.
    public var bufferedObjects = 0
    /// Keys, values and ``WritePathOptions/objectOverhead`` for each.
    public var bufferedBytes = 0
    /// Generations of the buffer that are in the engine, whole.
    public var drainedGenerations = 0
    /// Objects in them, and the bytes of their keys and values. Less than what was committed where keys were written
    /// several times.
    public var drainedObjects = 0
    public var drainedBytes = 0
    /// Files of the log, spare ones included, and their bytes on disk; 0 where there is no log.
    public var logSegments = 0
    public var logBytes = 0
    /// Bytes that were written to the log.
    public var loggedBytes = 0
    /// Whether the engine has refused the buffer for want of space, so that commits are refused, too.
    public var isFull = false

    public init() {}
}
