import CSyncFaults
import Engines
import Foundation
import NIOCore
import Testing

@Suite("A sync that fails", .serialized)
struct SyncFaultTests {
    static let engines = [EngineKind.lmdb, .bdb, .sqlite]

    @Test(
        "ends the engine for every later commit and sync, even when the disk works again", arguments: engines,
        WritePath.allCases)
    func commitFails(kind: EngineKind, writePath: WritePath) throws {
        try check(kind, writePath) { engine in try engine.commit(batch(2), durability: .synced) }
    }

    @Test("does so in sync() as well, after unsynced commits", arguments: engines, WritePath.allCases)
    func syncFails(kind: EngineKind, writePath: WritePath) throws {
        try check(kind, writePath) { engine in
            try engine.commit(batch(2), durability: .unsynced)
            try engine.sync()
        }
    }

    private func check(
        _ kind: EngineKind, _ writePath: WritePath, _ failing: (any LocalPersistenceEngine) throws -> Void
    ) throws {
        let folder = try TemporaryFolder()
        let store = folder.path + "/store"
        let engine = try EngineFactory.open(kind, at: store, writePath: writePath)
        try engine.commit(batch(1), durability: .synced)
        do {
            sync_faults_below(folder.path)
            defer { sync_faults_below(nil) }
            expectSyncFailed("the failing one") { try failing(engine) }
            #expect(sync_faults_count() > 0, "the engine's library has not synced through this program's functions")
        }
        expectSyncFailed("a synced commit after it") { try engine.commit(batch(3), durability: .synced) }
        expectSyncFailed("an unsynced commit after it") { try engine.commit(batch(3), durability: .unsynced) }
        expectSyncFailed("a sync after it") { try engine.sync() }
        #expect(try value(1, in: engine) == "1", "what was synced before can still be read")
        expectSyncFailed("closing it") { try engine.close() }

        let again = try EngineFactory.open(kind, at: store, writePath: writePath)
        #expect(try value(1, in: again) == "1", "what was acknowledged is there when opened again")
        #expect(try value(3, in: again) == nil, "what was refused is not")
        try again.commit(batch(4), durability: .synced)
        try again.close()
    }

    private func batch(_ number: Int) -> WriteBatch {
        var batch = WriteBatch()
        batch.put(ByteBuffer(string: "\(number)"), for: ByteBuffer(string: "key \(number)"))
        return batch
    }

    private func value(_ number: Int, in engine: any LocalPersistenceEngine) throws -> String? {
        var found: String?
        try engine.read(ByteBuffer(string: "key \(number)")) { bytes in
            found = bytes.map { String(decoding: $0, as: UTF8.self) }
        }
        return found
    }

    private func expectSyncFailed(_ what: String, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("\(what): no error")
        } catch let error as EngineError {
            #expect(error.code == .syncFailed, "\(what): \(error)")
        } catch {
            Issue.record("\(what): \(error)")
        }
    }
}
