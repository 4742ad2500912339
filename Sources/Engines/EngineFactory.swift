/// What can be chosen about an engine beside its kind. The defaults suit a store of some gigabytes.
public struct EngineOptions: Sendable, Equatable {
    /// Bytes of the engine's own page cache (Berkeley DB, SQLite). LMDB reads through the system's.
    public var cacheBytes = 64 << 20
    /// The most bytes the engine's main file may take; nil for no limit but the disk's. Beyond it a commit is
    /// ``EngineError/Code/full``.
    public var maximumBytes: Int?
    /// LMDB's first memory map: address space, neither memory nor disk. It doubles when it is full, for which running
    /// reads must end first, so the default is large.
    public var initialMapBytes = 64 << 30
    /// The bounds of the buffer and the log, where the write path has them.
    public var writePath = WritePathOptions()

    public init() {}
}

/// Opens the engine that a configuration names.
public enum EngineFactory {
    /// Opens the store in the folder `path`, making it where it is missing. The memory engine keeps nothing there, and
    /// has no log.
    ///
    /// Where another write path has left something in a log it is brought into the engine first: a path can be changed
    /// at any opening. `full` if the engine has no space for that.
    public static func open(
        _ kind: EngineKind, at path: String, writePath: WritePath = .direct, options: EngineOptions = EngineOptions()
    ) throws(EngineError) -> any LocalPersistenceEngine {
        let engine = try open(kind, at: path, options)
        let files = LogFolder(path: path + "/log")
        do throws(EngineError) {
            switch writePath {
            case .direct:
                if kind != .memory { try BufferedEngine.giveUpLog(files, of: engine, options.writePath) }
                return engine
            case .buffered:
                if kind != .memory { try BufferedEngine.giveUpLog(files, of: engine, options.writePath) }
                return BufferedEngine(over: engine, options: options.writePath)
            case .logged:
                guard kind != .memory else {
                    throw EngineError(
                        .failed, operation: "open \(path)",
                        detail: "the memory engine keeps nothing that a log could follow; choose direct or buffered")
                }
                return try BufferedEngine(
                    over: engine, log: files, options: options.writePath,
                    identity: UInt64.random(in: 0...UInt64.max))
            }
        } catch {
            try? engine.close()
            throw error
        }
    }

    private static func open(
        _ kind: EngineKind, at path: String, _ options: EngineOptions
    ) throws(EngineError) -> any LocalPersistenceEngine {
        if kind == .memory { return MemoryEngine() }
        let folder = try EngineFolder(path: path, kind: kind)
        let engine = try makeEngine(kind, folder: folder, options: options)
        try folder.completeCreation()
        return engine
    }

    private static func makeEngine(
        _ kind: EngineKind, folder: EngineFolder, options: EngineOptions
    ) throws(EngineError) -> any LocalPersistenceEngine {
        switch kind {
        case .memory:
            return MemoryEngine()
        case .lmdb:
            return try LMDBEngine(folder: folder, options: options)
        case .bdb:
            return try BerkeleyDBEngine(folder: folder, options: options)
        case .sqlite:
            return try SQLiteEngine(folder: folder, options: options)
        }
    }
}
