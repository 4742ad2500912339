import Engines
import Foundation
import Testing

@testable import engine_torture

@Suite("Killing a writing process", .serialized)
struct KillTests {
    /// An engine and a write path.
    struct Store: Sendable, CustomTestStringConvertible {
        let kind: EngineKind
        let writePath: WritePath
        var testDescription: String { "\(kind.rawValue) \(writePath.rawValue)" }

        func open(_ path: String) throws -> any LocalPersistenceEngine {
            var options = EngineOptions()
            options.writePath = TortureBatch.writePathOptions
            return try EngineFactory.open(kind, at: path, writePath: writePath, options: options)
        }
    }

    static let kinds = [EngineKind.lmdb, .bdb, .sqlite]
    /// Those that a killed process takes nothing from.
    static let stores = kinds.flatMap { [Store(kind: $0, writePath: .direct), Store(kind: $0, writePath: .logged)] }
    /// `ROTOR_KILLS=100` for a long run.
    static let kills = ProcessInfo.processInfo.environment["ROTOR_KILLS"].flatMap { Int($0) } ?? 20

    @Test("leaves every acknowledged batch whole and no torn one, time and again in the same folder", arguments: stores)
    func synced(store: Store) throws {
        try killRepeatedly(store, durability: "synced", times: Self.kills, seed: 11)
    }

    @Test("keeps what was acknowledged unsynced as well: only a crash of the machine may lose it", arguments: stores)
    func unsynced(store: Store) throws {
        try killRepeatedly(store, durability: "unsynced", times: max(Self.kills / 4, 1), seed: 12)
    }

    @Test("takes the newest batches of a buffered store, each whole, and none that was durable", arguments: kinds)
    func buffered(kind: EngineKind) throws {
        let store = Store(kind: kind, writePath: .buffered)
        try killRepeatedly(store, durability: "mixed", times: Self.kills, seed: 13)
    }

    @Test("in turn on all write paths, each opening of a folder takes over from another", arguments: kinds)
    func changing(kind: EngineKind) throws {
        let folder = try TemporaryFolder()
        var random = SplitMix64(seed: 14)
        var newest = 0
        for round in 0..<Self.kills {
            let store = Store(kind: kind, writePath: WritePath.allCases[round % 3])
            let child = try TortureChild(store, folder.path + "/store", "mixed")
            _ = try child.kill(after: Int.random(in: 1...40, using: &random), commits: 0.5)
            // Only what is durable outlives a kill on all of them.
            let next = try Store(kind: kind, writePath: WritePath.allCases[(round + 1) % 3]).open(
                folder.path + "/store")
            let acknowledged = store.writePath == .buffered ? child.durable : child.acknowledged
            newest = try TortureBatch.check(next, acknowledged: max(newest, acknowledged))
            try next.close()
            let hasLog = FileManager.default.fileExists(atPath: folder.path + "/store/log")
            #expect(hasLog == (WritePath.allCases[(round + 1) % 3] == .logged), "\(kind.rawValue), kill \(round)")
        }
        #expect(newest > Self.kills)
    }

    @Test(
        "a full disk refuses batches with full, and the store goes on when there is room again", arguments: stores,
        ["synced", "unsynced"])
    func fullDisk(kind: Store, durability: String) throws {
        let folder = try TemporaryFolder()
        let store = folder.path + "/store"
        let child = try TortureChild(kind, store, durability, fileBytes: 600_000)
        let acknowledged = try child.kill(after: 60, commits: 1.5)
        #expect(child.wasFull, "600,000 bytes were enough for \(acknowledged) batches")
        try expectWhole(kind, store, acknowledged: acknowledged)
    }

    @Test("a store whose disk is full can be closed, and is whole then or when it is killed", arguments: stores)
    func endedWhenFull(kind: Store) throws {
        for (durability, end) in [("synced", "stay"), ("unsynced", "stay"), ("synced", "close"), ("unsynced", "close")]
        {
            try endWhenFull(kind, durability, end)
        }
    }

    private func endWhenFull(_ kind: Store, _ durability: String, _ end: String) throws {
        // A range of places where the last write is cut short.
        for fileBytes in stride(from: 600_000, to: 640_000, by: 9_973) {
            let folder = try TemporaryFolder()
            let store = folder.path + "/store"
            let child = try TortureChild(kind, store, durability, fileBytes: fileBytes, then: end)
            let acknowledged = try child.killWhenFull()
            try expectWhole(kind, store, acknowledged: acknowledged, unanswered: 0)
        }
    }

    @Test("a store whose own file may not grow refuses with full, loses nothing and goes on", arguments: stores)
    func fileLimit(kind: Store) throws {
        let folder = try TemporaryFolder()
        let store = folder.path + "/store"
        // More than the longest of Berkeley DB's log files, which so are no part of this.
        let child = try TortureChild(kind, store, "unsynced", fileBytes: 40 << 20, then: "grow")
        let acknowledged = try child.killWhenFull()
        #expect(acknowledged * Ballast.perBatch > 100, "full after \(acknowledged) batches")
        let engine = try kind.open(store)
        try Ballast.check(engine, acknowledged: acknowledged)
        try engine.close()
    }

    private func expectWhole(_ kind: Store, _ store: String, acknowledged: Int, unanswered: Int = 1) throws {
        let engine = try kind.open(store)
        let newest = try TortureBatch.check(engine, acknowledged: acknowledged)
        #expect(
            newest <= acknowledged + unanswered,
            "\(kind.testDescription): \(acknowledged) acknowledged, \(newest) there")
        try engine.commit(TortureBatch.batch(newest + 1), durability: .synced)
        #expect(try TortureBatch.check(engine, acknowledged: newest + 1) == newest + 1)
        try engine.close()
    }

    private func killRepeatedly(_ kind: Store, durability: String, times: Int, seed: UInt64) throws {
        let folder = try TemporaryFolder()
        let store = folder.path + "/store"
        var random = SplitMix64(seed: seed)
        var newest = 0
        for round in 0..<times {
            // In the first milliseconds of its life, too: while it recovers from the kill before.
            let wanted = round % 5 == 4 ? 0 : Int.random(in: 1...80, using: &random)
            let child = try TortureChild(kind, store, durability)
            _ = try child.kill(after: wanted, commits: Double.random(in: 0...2, using: &random))
            let acknowledged = kind.writePath == .buffered ? child.durable : child.acknowledged
            let engine = try kind.open(store)
            let found: Int
            do {
                found = try TortureBatch.check(engine, acknowledged: max(acknowledged, newest))
            } catch {
                Issue.record("\(kind.testDescription), seed \(seed), kill \(round): \(error)")
                try engine.close()
                return
            }
            try engine.close()
            // One batch may be under way at the kill.
            #expect(
                found <= max(child.acknowledged, newest) + 1, "\(kind.testDescription), seed \(seed), kill \(round)")
            newest = found
        }
        // Of what is only buffered a kill may take all.
        #expect(
            newest >= (kind.writePath == .buffered ? times / 2 : times),
            "\(kind.testDescription): only \(newest) batches in \(times) lives")
    }
}
