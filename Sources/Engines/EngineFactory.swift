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

    public init() {}
}

/// Opens the engine that a configuration names.
public enum EngineFactory {
    /// Opens the store in the folder `path`, making it where it is missing. The memory engine keeps nothing there.
    public static func open(
        _ kind: EngineKind, at path: String, options: EngineOptions = EngineOptions()
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
