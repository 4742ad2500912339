import Engines
import Foundation
import Testing

@Suite("A power cut", .serialized)
struct PowerCutTests {
    /// `ROTOR_CUTS=1000` for a long run.
    static let cuts = ProcessInfo.processInfo.environment["ROTOR_CUTS"].flatMap { Int($0) } ?? 20

    @Test("leaves every acknowledged batch whole and no torn one, and the store opens", arguments: KillTests.stores)
    func synced(store: KillTests.Store) throws {
        var trial = try PowerCutTrial(store, durability: "synced", seed: 31)
        try trial.run(cuts: Self.cuts)
        trial.print()
        for failure in trial.failures { Issue.record("\(failure)") }
    }

    @Test("takes only the newest batches of those that were not asked to be durable", arguments: KillTests.stores)
    func mixed(store: KillTests.Store) throws {
        var trial = try PowerCutTrial(store, durability: "mixed", seed: 34)
        try trial.run(cuts: max(Self.cuts / 2, 5))
        trial.print()
        for failure in trial.failures { Issue.record("\(failure)") }
    }

    @Test("takes only batches from a buffered store that were not durable, each whole", arguments: KillTests.kinds)
    func buffered(kind: EngineKind) throws {
        var trial = try PowerCutTrial(
            KillTests.Store(kind: kind, writePath: .buffered), durability: "mixed", seed: 32)
        try trial.run(cuts: Self.cuts)
        trial.print()
        for failure in trial.failures { Issue.record("\(failure)") }
    }

    @Test("without the engine's or the log's sync is found to lose batches", arguments: KillTests.stores)
    func unsynced(store: KillTests.Store) throws {
        for part in store.writePath == .logged ? ["log", "data"] : ["data"] {
            var trial = try PowerCutTrial(store, durability: "synced", seed: 33, unsynced: part)
            try trial.run(cuts: 200, untilLost: true)
            trial.print()
            #expect(trial.hasLost, "nothing was lost in \(trial.made) cuts without the syncs of \(part)")
        }
    }

    @Test("in the middle of a page of Berkeley DB's is found: the store is refused, never wrong")
    func tornPages() throws {
        let store = KillTests.Store(kind: .bdb, writePath: .direct)
        var trial = try PowerCutTrial(store, durability: "synced", seed: 35, tearsPages: true)
        try trial.run(cuts: max(Self.cuts / 4, 20))
        trial.print()
        for failure in trial.failures {
            #expect(failure.description.contains("checksum error"), "\(failure)")
        }
    }

    @Test("finds no name at risk that an acknowledged batch needs", arguments: KillTests.kinds)
    func names(kind: EngineKind) throws {
        let folder = try TemporaryFolder()
        let store = KillTests.Store(kind: kind, writePath: .direct)
        // Through the end of a file of Berkeley DB's log.
        let life = try PowerCutTrial.Life(store, "synced", in: folder.path, number: 0, end: .batches(350))
        var made: Set<String> = []
        for event in life.journal.events {
            try life.disk.apply(event)
            if case .opened(_, let path, let flags) = event, flags & O_CREAT != 0 { made.insert(path) }
            guard case .said(let line) = event else { continue }
            let risky = life.disk.namesAtRisk
            #expect(risky.isEmpty, "\(kind.rawValue), when it said \(line)")
            if !risky.isEmpty { return }
        }
        #expect(kind != .bdb || made.contains("store/data/log.0000000002"), "\(made.sorted())")
    }

    @Test("is made from a journal that tells all that is in the folder", arguments: KillTests.stores)
    func complete(store: KillTests.Store) throws {
        let folder = try TemporaryFolder()
        let life = try PowerCutTrial.Life(store, "synced", in: folder.path, number: 0, end: .batches(70))
        for event in life.journal.events { try life.disk.apply(event) }
        let told = life.disk.contents()
        var compared = 0
        for (name, bytes) in told.sorted(by: { $0.key < $1.key }) {
            let real = FileManager.default.contents(atPath: life.folder + "/" + name).map { [UInt8]($0) }
            #expect(real == bytes, "\(name): \(real?.count ?? -1) bytes, the journal tells of \(bytes.count)")
            compared += bytes.count
        }
        let real = try FileManager.default.subpathsOfDirectory(atPath: life.folder).filter {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: life.folder + "/" + $0, isDirectory: &isFolder)
                && !isFolder.boolValue && !$0.hasSuffix("lock.mdb") && !$0.hasSuffix("-shm")
        }
        #expect(Set(real) == Set(told.keys))
        #expect(compared > 100_000)
    }
}
