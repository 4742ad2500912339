import Testing

@testable import Engines

/// One test an engine, so that `--filter EngineConformanceTests/lmdb` runs one; one case a check and write path. The
/// engines run beside each other, since they mostly wait for the disk; an engine's checks one after the other, since
/// they need its space.
@Suite("Every engine keeps the contract of LocalPersistenceEngine on every write path")
struct EngineConformanceTests {
    /// What a store in memory can show: it is no exception to any check but those that reopen or damage files.
    static let memoryChecks = EngineConformance.checks.filter { !$0.needsFiles }

    @Test("memory", .serialized, arguments: memoryChecks, WritePath.allCases)
    func memory(check: ConformanceCheck, writePath: WritePath) throws {
        try run(check, on: .memory, writePath)
    }

    @Test("LMDB", .serialized, arguments: EngineConformance.checks, WritePath.allCases)
    func lmdb(check: ConformanceCheck, writePath: WritePath) throws {
        try run(check, on: .lmdb, writePath)
    }

    @Test("Berkeley DB", .serialized, arguments: EngineConformance.checks, WritePath.allCases)
    func bdb(check: ConformanceCheck, writePath: WritePath) throws {
        try run(check, on: .bdb, writePath)
    }

    @Test("SQLite", .serialized, arguments: EngineConformance.checks, WritePath.allCases)
    func sqlite(check: ConformanceCheck, writePath: WritePath) throws {
        try run(check, on: .sqlite, writePath)
    }

    private func run(_ check: ConformanceCheck, on kind: EngineKind, _ writePath: WritePath) throws {
        let folder = try TemporaryFolder()
        var options = EngineOptions()
        // A small first map, so that LMDB's grows several times.
        options.initialMapBytes = 64 << 20
        // A small buffer and log, so that what a check writes is in both, in either, and in the engine.
        options.writePath.bufferObjects = 1_000
        options.writePath.bufferBytes = 2 << 20
        options.writePath.transactionBytes = 64 << 10
        options.writePath.segmentBytes = 1 << 20
        options.writePath.logBytes = 8 << 20
        let fixture = EngineFixture(
            kind, folder: folder.path, isPersistent: kind != .memory, options: options
        ) { path, options in
            if kind == .memory, writePath == .logged {
                // The factory refuses this; the write path itself has no reason to.
                try FileCalls.removeTree(path + "/log", operation: "prepare")
                return try BufferedEngine(
                    over: MemoryEngine(), log: LogFolder(path: "\(path)/log"), options: options.writePath, identity: 1)
            }
            return try EngineFactory.open(kind, at: path, writePath: writePath, options: options)
        }
        try check.run(fixture)
    }
}
