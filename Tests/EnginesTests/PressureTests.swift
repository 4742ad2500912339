import Glibc
import NIOCore
import Testing

@testable import Engines

/// What the common suite's small stores do not show: caches smaller than the store, and bounds that are reached.
@Suite("Berkeley DB and SQLite under pressure", .serialized)
struct PressureTests {
    typealias Model = [[UInt8]: [UInt8]]

    @Test(
        "a scan keeps its snapshot while keys before and behind it are put, replaced and deleted",
        arguments: [EngineKind.bdb, .sqlite])
    func snapshots(kind: EngineKind) throws {
        for seed in UInt64(1)...2 {
            let folder = try TemporaryFolder()
            var options = EngineOptions()
            options.cacheBytes = 1 << 20
            var random = SplitMix64(seed: seed)
            var model = Model()
            let engine = try EngineFactory.open(kind, at: folder.path + "/store", options: options)
            for _ in 0..<40 { try write(100, to: engine, &model, &random) }
            for round in 0..<4 {
                let range = round == 0 ? KeyRange.all : someRange(&random)
                let expected = entries(of: model, in: range)
                var index = 0
                // These two engines let a scan wait for a commit: so the commits come at places that the seed fixes.
                try engine.scan(range) { key, value in
                    let isRight =
                        index < expected.count && Array(key) == expected[index].key
                        && Array(value) == expected[index].value
                    guard isRight else {
                        Issue.record("\(kind.rawValue), seed \(seed), round \(round): entry \(index) is another")
                        return .stop
                    }
                    index += 1
                    if index % 50 == 1 { try write(20, to: engine, &model, &random) }
                    return .proceed
                }
                #expect(index == expected.count, "\(kind.rawValue), seed \(seed), round \(round)")
            }
            #expect(try contents(of: engine) == model, "\(kind.rawValue), seed \(seed)")
            #expect(try engine.statistics().entries == model.count, "\(kind.rawValue), seed \(seed)")
            try engine.close()
            let again = try EngineFactory.open(kind, at: folder.path + "/store", options: options)
            #expect(try contents(of: again) == model, "\(kind.rawValue), seed \(seed), opened again")
            #expect(try again.statistics().entries == model.count, "\(kind.rawValue), seed \(seed), opened again")
            try again.close()
        }
    }

    @Test(
        "a scan over many pages sees whole batches beside a writer that never rests",
        arguments: [EngineKind.lmdb, .bdb, .sqlite])
    func wholeBatches(kind: EngineKind) throws {
        let folder = try TemporaryFolder()
        var options = EngineOptions()
        options.cacheBytes = 1 << 20
        let engine = try EngineFactory.open(kind, at: folder.path + "/store", options: options)
        let pairs: UInt32 = 3_000
        var random = SplitMix64(seed: 7)
        try engine.commit(pairsBatch(Array(0..<pairs), 0), durability: .unsynced)
        let isWriting = Flag(true)
        let writer = CheckThread { [random] in
            var random = random
            var number: UInt64 = 0
            while isWriting.isSet {
                number += 1
                let some = (0..<20).map { _ in UInt32.random(in: 0..<pairs, using: &random) }
                try engine.commit(pairsBatch(some, number), durability: .unsynced)
            }
        }
        do {
            defer { isWriting.clear() }
            for round in 0..<15 {
                let first = UInt32.random(in: 0..<pairs, using: &random)
                var numbers: [UInt32: UInt64] = [:]
                try engine.scan(KeyRange(from: pairKey(0, first), to: nil)) { key, value in
                    let place = UInt32(bigEndian: key.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
                    let number = value.loadUnaligned(as: UInt64.self)
                    if key[0] == 0 {
                        numbers[place] = number
                    } else if let other = numbers.removeValue(forKey: place), other != number {
                        Issue.record("\(kind.rawValue), scan \(round): pair \(place) is of \(other) and \(number)")
                        return .stop
                    }
                    return .proceed
                }
                // What was deleted, was so in both places.
                #expect(numbers.isEmpty, "\(kind.rawValue), scan \(round): \(numbers.count) pairs in one place only")
            }
        }
        try writer.join()
        try engine.close()
    }

    /// Each pair's keys lie far apart; one in four is deleted instead.
    private func pairsBatch(_ places: [UInt32], _ number: UInt64) -> WriteBatch {
        var batch = WriteBatch()
        for place in places {
            for side in UInt8(0)...1 {
                guard number == 0 || (UInt64(place) &+ number) % 4 > 0 else {
                    batch.delete(pairKey(side, place))
                    continue
                }
                var value = ByteBuffer(repeating: 1, count: 300)
                value.setInteger(number, at: 0, endianness: .host)
                batch.put(value, for: pairKey(side, place))
            }
        }
        return batch
    }

    private func pairKey(_ side: UInt8, _ place: UInt32) -> ByteBuffer {
        var key = ByteBuffer(integer: side)
        key.writeInteger(place)
        return key
    }

    @Test("scans go on after the longest keys, and begin at longer ones", arguments: [EngineKind.lmdb, .bdb, .sqlite])
    func longestKeys(kind: EngineKind) throws {
        let folder = try TemporaryFolder()
        let engine = try EngineFactory.open(kind, at: folder.path + "/store")
        let length = EngineLimits.maximumKeyLength
        let keys = (0..<40).map { number in
            [UInt8](repeating: 9, count: length - 1) + [UInt8(number * 2)]
        }
        var batch = WriteBatch()
        for key in keys { batch.put(ByteBuffer(repeating: 1, count: 20_000), for: ByteBuffer(bytes: key)) }
        try engine.commit(batch, durability: .unsynced)
        #expect(try contents(of: engine).count == keys.count)
        var found: [[UInt8]] = []
        let beyond = KeyRange(from: ByteBuffer(bytes: keys[20] + [UInt8](repeating: 0, count: 3 * length)), to: nil)
        try engine.scan(beyond) { key, _ in
            found.append(Array(key))
            return .proceed
        }
        #expect(found == Array(keys[21...]), "from a bound of \(4 * length) bytes")
        try engine.close()
    }

    @Test("Berkeley DB gives a scan up when too much was replaced ahead of it, and keeps nothing of what lies behind")
    func berkeleySnapshotBound() throws {
        let snapshots = BerkeleySnapshots(maximumBytes: 1000)
        let snapshot = snapshots.begin(KeyRange(from: ByteBuffer(bytes: [2]), to: ByteBuffer(bytes: [9])))
        #expect(snapshots.writeBegins().count == 1)
        snapshots.writeEnds()
        let wanted = (0...10).filter { key in needs(snapshot, [UInt8(key)]) }
        #expect(wanted == [2, 3, 4, 5, 6, 7, 8], "the range, without its upper bound")

        keep(snapshot, [3], of: [UInt8](repeating: 1, count: 400))
        #expect(!needs(snapshot, [3]), "the first image is the snapshot's")
        keep(snapshot, [5], of: nil)
        let taken = try [4].withUnsafeBytes { try snapshot.take(upTo: $0) }
        #expect(taken.map { Array($0.key) } == [[3]])
        #expect(!needs(snapshot, [3]) && !needs(snapshot, [4]) && needs(snapshot, [6]), "the scan has passed 4")

        // What was taken no longer counts.
        keep(snapshot, [6], of: [UInt8](repeating: 1, count: 900))
        #expect(try [5].withUnsafeBytes { try snapshot.take(upTo: $0) }.count == 1)
        keep(snapshot, [7], of: [UInt8](repeating: 1, count: 200))
        #expect(throws: EngineError.self) { try snapshot.take(upTo: nil) }
        #expect(!needs(snapshot, [8]), "an expired scan costs the writer nothing")
        snapshots.end(snapshot)
        #expect(snapshots.writeBegins().isEmpty)
        snapshots.writeEnds()
    }

    @Test("a scan of Berkeley DB that waits for a batch begins before the next one")
    func berkeleyScanWaits() throws {
        let snapshots = BerkeleySnapshots(maximumBytes: 1000)
        for _ in 0..<200 {
            #expect(snapshots.writeBegins().isEmpty)
            let scans = (0..<2).map { _ in CheckThread { _ = snapshots.begin(.all) } }
            while snapshots.waitingScans < 2 { sched_yield() }
            snapshots.writeEnds()
            let told = snapshots.writeBegins()
            #expect(told.count == 2)
            snapshots.writeEnds()
            for scan in scans { try scan.join() }
            for snapshot in told { snapshots.end(snapshot) }
        }
    }

    @Test("what a scan of Berkeley DB has passed while it was being changed is not visited again")
    func berkeleyPassedMeanwhile() throws {
        let snapshots = BerkeleySnapshots(maximumBytes: 1000)
        let snapshot = snapshots.begin(.all)
        #expect(needs(snapshot, [4]))
        #expect(try [5].withUnsafeBytes { try snapshot.take(upTo: $0) }.isEmpty)
        keep(snapshot, [4], of: [1])
        #expect(try snapshot.take(upTo: nil).isEmpty)
    }

    @Test("SQLite's log stays within its bound beside running reads, and gives its space back")
    func logBound() throws {
        let folder = try TemporaryFolder()
        let bounds = SQLiteLog.Bounds(soft: 1 << 20, hard: 4 << 20, scan: 1 << 30)
        let engine = try openSQLite(folder, bounds)
        var random = SplitMix64(seed: 4)
        try put(200, of: 4_000, in: engine, &random)
        let isWriting = Flag(true)
        let reader = CheckThread {
            while isWriting.isSet { _ = try contents(of: engine) }
        }
        var longest = 0
        do {
            defer { isWriting.clear() }
            for _ in 0..<60 {
                try put(100, of: 4_000, in: engine, &random)
                longest = max(longest, try logBytes(folder))
            }
        }
        try reader.join()
        // Beyond the hard bound a running scan may hold it for one round, and each batch adds a few hundred pages.
        #expect(longest < bounds.hard * 4, "the log had \(longest) bytes, its bound is \(bounds.hard)")
        for _ in 0..<12 { try put(100, of: 4_000, in: engine, &random) }
        let afterwards = try logBytes(folder)
        #expect(afterwards <= bounds.hard * 2, "without readers it still has \(afterwards) bytes")
        try engine.close()
        #expect(try logBytes(folder) == 0, "a closed store has no log")
    }

    @Test("SQLite gives a scan up that keeps too much of the log, and shortens the log then")
    func scanBound() throws {
        let folder = try TemporaryFolder()
        let bounds = SQLiteLog.Bounds(soft: 1 << 20, hard: 4 << 20, scan: 8 << 20)
        let engine = try openSQLite(folder, bounds)
        var random = SplitMix64(seed: 5)
        try put(100, of: 1_000, in: engine, &random)
        var visited = 0
        do {
            try engine.scan(.all) { _, _ in
                visited += 1
                try put(100, of: 4_000, in: engine, &random)
                return .proceed
            }
            Issue.record("a scan of \(visited) entries beside \(visited * 100) puts ended well")
        } catch let error as EngineError {
            #expect(error.code == .expired, "\(error)")
        }
        #expect(visited > 1)
        for _ in 0..<30 { try put(100, of: 4_000, in: engine, &random) }
        #expect(try logBytes(folder) <= bounds.hard * 2)
        try engine.close()
    }

    @Test("SQLite's values move between the row and their own table, and leave nothing behind")
    func largeValues() throws {
        let folder = try TemporaryFolder()
        let engine = try openSQLite(folder, SQLiteLog.Bounds())
        var random = SplitMix64(seed: 6)
        var model = Model()
        for step in 0..<600 {
            var batch = WriteBatch()
            let key = [UInt8](repeating: 7, count: Int.random(in: 0...40, using: &random) * 100)
            let length =
                [0, 1, 63, 64, 65, 1_000, 1_999, 2_000, 2_001, 5_000, 70_000].randomElement(using: &random) ?? 0
            if step % 97 == 96 {
                batch.deleteRange(KeyRange(from: ByteBuffer(bytes: key), to: nil))
                model = model.filter { $0.key.count < key.count }
            } else if step % 5 == 4 {
                batch.delete(ByteBuffer(bytes: key))
                model[key] = nil
            } else {
                let value = [UInt8](repeating: UInt8(step & 255), count: length)
                batch.put(ByteBuffer(bytes: value), for: ByteBuffer(bytes: key))
                model[key] = value
            }
            try engine.commit(batch, durability: .unsynced)
        }
        #expect(try contents(of: engine) == model)
        try engine.close()
        let file = try SQLiteConnection(path: databasePath(folder), operation: "look")
        let inTable = try file.number("SELECT count(*) FROM large")
        let referred = try file.number("SELECT count(*) FROM entries WHERE large IN (SELECT id FROM large)")
        let large = model.count { SQLiteSchema.isLarge(keyBytes: $0.key.count, valueBytes: $0.value.count) }
        #expect(
            inTable == large && referred == large, "\(inTable) rows, \(referred) referred to, \(large) large values")
    }

    @Test("SQLite refuses another program's database and a newer version's")
    func foreignFiles() throws {
        for (pragma, hint) in [("application_id = 1", "another program"), ("user_version = 2", "newer")] {
            let folder = try TemporaryFolder()
            try openSQLite(folder, SQLiteLog.Bounds()).close()
            try SQLiteConnection(path: databasePath(folder), operation: "prepare").execute("PRAGMA \(pragma)")
            do {
                try openSQLite(folder, SQLiteLog.Bounds()).close()
                Issue.record("opened with \(pragma)")
            } catch let error as EngineError {
                #expect(error.code == .foreign && error.detail.contains(hint), "\(error)")
            }
        }
    }

    private func openSQLite(_ folder: TemporaryFolder, _ bounds: SQLiteLog.Bounds) throws -> SQLiteEngine {
        let storeFolder = try EngineFolder(path: folder.path + "/store", kind: .sqlite)
        let engine = try SQLiteEngine(folder: storeFolder, options: EngineOptions(), logBounds: bounds)
        try storeFolder.completeCreation()
        return engine
    }

    private func databasePath(_ folder: TemporaryFolder) -> String {
        folder.path + "/store/data/" + SQLiteSchema.fileName
    }

    private func logBytes(_ folder: TemporaryFolder) throws -> Int {
        try FileCalls.length(of: databasePath(folder) + "-wal", operation: "look") ?? 0
    }

    private func put(_ count: Int, of bytes: Int, in engine: any LocalPersistenceEngine, _ random: inout SplitMix64)
        throws
    {
        var batch = WriteBatch()
        for _ in 0..<count {
            var key = ByteBuffer()
            key.writeInteger(UInt16.random(in: 0..<2_000, using: &random))
            batch.put(ByteBuffer(repeating: 1, count: bytes), for: key)
        }
        try onAnotherThread { [batch] in try engine.commit(batch, durability: .unsynced) }
    }

    /// A batch of every kind of operation, also carried out on the model.
    private func write(
        _ count: Int, to engine: any LocalPersistenceEngine, _ model: inout Model, _ random: inout SplitMix64
    ) throws {
        var batch = WriteBatch()
        for _ in 0..<count {
            let key = someKey(&random)
            switch Int.random(in: 0..<100, using: &random) {
            case 0:
                let range = KeyRange(from: ByteBuffer(bytes: key), to: ByteBuffer(bytes: key + [128]))
                batch.deleteRange(range)
                for gone in entries(of: model, in: range) { model[gone.key] = nil }
            case 1..<20:
                batch.delete(ByteBuffer(bytes: key))
                model[key] = nil
            default:
                let longest = Int.random(in: 0..<50, using: &random) == 0 ? 60_000 : 1_500
                let value = [UInt8](
                    repeating: UInt8.random(in: 0...255, using: &random),
                    count: Int.random(in: 0...longest, using: &random))
                batch.put(ByteBuffer(bytes: value), for: ByteBuffer(bytes: key))
                model[key] = value
            }
        }
        try onAnotherThread { [batch] in try engine.commit(batch, durability: .unsynced) }
    }

    private func someKey(_ random: inout SplitMix64) -> [UInt8] {
        (0..<Int.random(in: 1...3, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) & 0xfb }
    }

    private func someRange(_ random: inout SplitMix64) -> KeyRange {
        let bounds = [someKey(&random), someKey(&random)].sorted { $0.lexicographicallyPrecedes($1) }
        return KeyRange(from: ByteBuffer(bytes: bounds[0]), to: ByteBuffer(bytes: bounds[1]))
    }

    private func entries(of model: Model, in range: KeyRange) -> [(key: [UInt8], value: [UInt8])] {
        model.filter { entry in
            let key = ByteBuffer(bytes: entry.key)
            return KeyOrder.compare(key, range.lowerBound) >= 0
                && range.upperBound.map { KeyOrder.compare(key, $0) < 0 } ?? true
        }.map { (key: $0.key, value: $0.value) }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    private func needs(_ snapshot: BerkeleySnapshot, _ key: [UInt8]) -> Bool {
        key.withUnsafeBytes { snapshot.needs($0) }
    }

    private func keep(_ snapshot: BerkeleySnapshot, _ key: [UInt8], of value: [UInt8]?) {
        key.withUnsafeBytes { keyBytes in
            guard let value else { return snapshot.keep(nil, for: keyBytes) }
            value.withUnsafeBytes { snapshot.keep($0, for: keyBytes) }
        }
    }
}

private func contents(of engine: any LocalPersistenceEngine) throws -> PressureTests.Model {
    var found = PressureTests.Model()
    try engine.scan(.all) { key, value in
        found[Array(key)] = Array(value)
        return .proceed
    }
    return found
}
