import Engines
import Testing

/// One test an engine, so that `--filter EngineConformanceTests/lmdb` runs one; one case a check. The engines run
/// beside each other, since they mostly wait for the disk; an engine's checks one after the other, since they need
/// its space.
@Suite("Every engine keeps the contract of LocalPersistenceEngine")
struct EngineConformanceTests {
    /// What a store in memory can show: it is no exception to any check but those that reopen or damage files.
    static let memoryChecks = EngineConformance.checks.filter { !$0.needsFiles }

    @Test("memory", .serialized, arguments: memoryChecks)
    func memory(check: ConformanceCheck) throws {
        try run(check, on: .memory)
    }

    @Test("LMDB", .serialized, arguments: EngineConformance.checks)
    func lmdb(check: ConformanceCheck) throws {
        try run(check, on: .lmdb)
    }

    @Test("Berkeley DB", .serialized, arguments: EngineConformance.checks)
    func bdb(check: ConformanceCheck) throws {
        try run(check, on: .bdb)
    }

    @Test("SQLite", .serialized, arguments: EngineConformance.checks)
    func sqlite(check: ConformanceCheck) throws {
        try run(check, on: .sqlite)
    }

    private func run(_ check: ConformanceCheck, on kind: EngineKind) throws {
        let folder = try TemporaryFolder()
        // A small first map, so that LMDB's grows several times.
        var options = EngineOptions()
        options.initialMapBytes = 64 << 20
        let fixture = EngineFixture(
            kind, folder: folder.path, isPersistent: kind != .memory, options: options
        ) { path, options in
            try EngineFactory.open(kind, at: path, options: options)
        }
        try check.run(fixture)
    }
}
