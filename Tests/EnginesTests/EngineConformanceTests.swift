import Engines
import Testing

/// One test an engine, so that `--filter EngineConformanceTests/lmdb` runs one; one case a check.
@Suite("Every engine keeps the contract of LocalPersistenceEngine", .serialized)
struct EngineConformanceTests {
    /// What a store in memory can show: it is no exception to any check but those that reopen or damage files.
    static let memoryChecks = EngineConformance.checks.filter { !$0.needsFiles }

    @Test("memory", arguments: memoryChecks)
    func memory(check: ConformanceCheck) throws {
        try run(check, on: .memory)
    }

    @Test("LMDB", arguments: EngineConformance.checks)
    func lmdb(check: ConformanceCheck) throws {
        try run(check, on: .lmdb)
    }

    @Test("Berkeley DB", arguments: EngineConformance.checks)
    func bdb(check: ConformanceCheck) throws {
        try run(check, on: .bdb)
    }

    private func run(_ check: ConformanceCheck, on kind: EngineKind) throws {
        let folder = try TemporaryFolder()
        let fixture = EngineFixture(
            name: kind.rawValue, folder: folder.path, isPersistent: kind != .memory
        ) { path in
            try EngineFactory.open(kind, at: path)
        }
        try check.run(fixture)
    }
}
