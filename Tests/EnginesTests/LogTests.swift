import NIOCore
import Testing

@testable import Engines

@Suite("The write-ahead log")
struct LogTests {
    private let folder: TemporaryFolder
    private let engine = TroubledEngine()
    private var path: String { folder.path + "/log" }

    init() throws {
        folder = try TemporaryFolder()
    }

    private func open(_ files: (any SegmentFiles)? = nil, segment: Int = 4 << 10) throws -> BufferedEngine {
        var options = WritePathOptions()
        options.segmentBytes = segment
        options.logBytes = 6 * segment
        options.bufferObjects = 10_000
        return try BufferedEngine(
            over: engine, log: files ?? LogFolder(path: path), options: options, stepsInline: true, identity: 7)
    }

    /// As a kill leaves it: what the engine and the log's files hold.
    private func reopen(_ store: inout BufferedEngine) throws {
        store = try open()
    }

    private func files() throws -> [String] { try FileCalls.names(in: path, operation: "check") }

    private func edit(_ name: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = try FileCalls.read(path + "/" + name, limit: 1 << 24, operation: "edit") ?? []
        body(&bytes)
        try FileCalls.write(bytes, to: path + "/" + name, operation: "edit")
    }

    @Test("what it holds and the engine lacks is there after a kill, and numbers go on")
    func replay() throws {
        var store = try open()
        var model: [Bytes: Bytes] = [:]
        for round in UInt8(0)..<20 {
            try store.write(round % 3 == 0 ? .synced : .unsynced) { batch in
                batch.put([round], for: [round])
                batch.put([round], for: [200])
                if round % 5 == 4 { batch.deleteRange([round - 4], [round - 2]) }
            }
            model[[round]] = [round]
            model[[200]] = [round]
            if round % 5 == 4 {
                model[[round - 4]] = nil
                model[[round - 3]] = nil
            }
            if round % 7 == 6 { store.drainStep() }
            try reopen(&store)
            try store.expectEqual(model, "after kill \(round)")
        }
        try store.close()
        let left = try files()
        #expect(left.count == 1, "a closed store keeps one file: \(left)")
        try reopen(&store)
        try store.expectEqual(model, "after a close")
        #expect(try store.statistics().writePath?.bufferedObjects == 0, "a closed store left something to replay")
    }

    @Test("a recycled segment's old records are not replayed")
    func recycled() throws {
        // Two blocks: the new records overwrite no more than the first.
        var store = try open(segment: 2 * BlockWriter.blockBytes)
        var model: [Bytes: Bytes] = [:]
        for round in UInt8(0)..<60 {
            let value = Bytes("old value, over and over again ".utf8) + Bytes(repeating: round, count: 500)
            try store.put(value, for: [round % 10], .synced)
            model[[round % 10]] = value
            store.drainStep()
        }
        store = try open(segment: 2 * BlockWriter.blockBytes)
        for round in UInt8(0)..<3 {
            try store.put([round], for: [round], .synced)
            model[[round]] = [round]
        }
        let newest = try #require(try files().last)
        let bytes = try FileCalls.read(path + "/" + newest, limit: 1 << 20, operation: "check") ?? []
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains("over and over"), "\(newest) is no recycled one: the test shows nothing")
        store = try open(segment: 2 * BlockWriter.blockBytes)
        try store.expectEqual(model, "from a recycled segment")
    }

    @Test("a record is read under its own generation and log only, and whole or not at all")
    func seeds() throws {
        let seed = LogSeed(identity: 3, generation: 8)
        var batch = WriteBatch()
        batch.put([1, 2, 3], for: [4])
        batch.delete([5])
        batch.deleteRange([6], [7])
        batch.deleteRange([8], nil)
        var bytes = ByteBuffer()
        LogRecord.write(batch, number: 11, synced: 9, seed: seed, into: &bytes)
        let record = try #require(LogRecord.read(bytes, at: 0, seed: seed))
        #expect(record.number == 11 && record.synced == 9 && record.end == bytes.readableBytes)
        #expect(record.end == LogRecord.aligned(LogRecord.length(of: batch)))
        #expect("\(try #require(record.batch(in: bytes)))" == "\(batch)")
        #expect(LogRecord.read(bytes, at: 0, seed: LogSeed(identity: 3, generation: 7)) == nil)
        #expect(LogRecord.read(bytes, at: 0, seed: LogSeed(identity: 4, generation: 8)) == nil)
        let length = LogRecord.length(of: batch)
        for place in 0..<length {
            var flipped = ByteBuffer(bytes: bytes.readableBytesView)
            flipped.setInteger((flipped.getInteger(at: place, as: UInt8.self) ?? 0) ^ 16, at: place)
            #expect(LogRecord.read(flipped, at: 0, seed: seed) == nil, "byte \(place)")
            let cut = bytes.getSlice(at: 0, length: place) ?? bytes
            #expect(LogRecord.read(cut, at: 0, seed: seed) == nil, "cut at \(place)")
        }
    }

    @Test("damage at or below a synced number is refused and says what to do; above it is a torn tail, which is cut")
    func damage() throws {
        for damaged in 0..<4 {
            let part = try LogTests()
            var store = try part.open()
            var starts: [Int] = []
            for round in UInt8(0)..<4 {
                let figures = try #require(try store.statistics().writePath)
                starts.append(figures.loggedBytes)
                // The third is not synced when the fourth is written.
                try store.put(Bytes(repeating: round, count: 50), for: [round], round < 2 ? .synced : .unsynced)
            }
            let name = try #require(try part.files().last)
            try part.edit(name) { $0[starts[damaged] + 40] ^= 4 }
            guard damaged >= 2 else {
                var error: EngineError?
                do { _ = try part.open() } catch let found as EngineError { error = found }
                #expect(error?.code == .damaged && error?.detail.contains("restore") == true, "record \(damaged)")
                continue
            }
            try part.reopen(&store)
            #expect(try store.entries().count == damaged, "record \(damaged)")
            // What was written after the cut stands, and what stood behind it does not come back.
            try store.put([9], for: [9], .synced)
            try part.reopen(&store)
            #expect(try store.entries().map(\.key).last == [9] && store.entries().count == damaged + 1)
        }
    }

    @Test("a log or an engine's record of it that is gone is damage, never an empty log")
    func missing() throws {
        var store = try open()
        try store.put([1], for: [1], .synced)
        try FileCalls.rename(path, to: path + "-away", operation: "prepare")
        #expect(code { _ = try open() } == .damaged)
        try FileCalls.makeDirectories(path, operation: "prepare")
        #expect(code { _ = try open() } == .damaged)
        try FileCalls.removeTree(path, operation: "prepare")
        try FileCalls.rename(path + "-away", to: path, operation: "prepare")
        try engine.inner.write { $0.delete(Bytes(AppliedRecord.key.readableBytesView)) }
        #expect(code { _ = try open() } == .damaged)
        #expect(
            code { try BufferedEngine.giveUpLog(LogFolder(path: path), of: engine, WritePathOptions()) } == .damaged)
        try engine.inner.write { $0.put([0, 0, 1], for: Bytes(AppliedRecord.key.readableBytesView)) }
        #expect(code { try reopen(&store) } == .damaged)
    }

    @Test("a commit larger than a segment is in one of its own, and the log keeps its bound")
    func large() throws {
        var store = try open()
        var model: [Bytes: Bytes] = [:]
        for round in UInt8(0)..<40 {
            let value = Bytes(repeating: round, count: round % 4 == 0 ? 9_000 : 900)
            try store.put(value, for: [round], .synced)
            model[[round]] = value
            let bytes = try #require(try store.statistics().writePath?.logBytes)
            #expect(bytes <= 6 * 4096, "\(bytes) bytes after \(round)")
            if round % 9 == 0 { try reopen(&store) }
        }
        try reopen(&store)
        try store.expectEqual(model, "with large commits")
    }

    @Test("a full disk refuses with full what the log cannot take, and takes it when there is space")
    func fullDisk() throws {
        let files = TroubledFiles(path)
        let store = try open(files)
        files.isFull = true
        var stored: [Bytes: Bytes] = [:]
        func fill() throws -> EngineError.Code? {
            for round in UInt8(0)..<100 {
                let value = Bytes(repeating: round, count: 500)
                if let code = code({ try store.put(value, for: [round], .synced) }) { return code }
                stored[[round]] = value
            }
            return nil
        }
        engine.isFull = true
        #expect(try fill() == .full)
        #expect(stored.count > 3, "\(stored.count) fit")
        try store.expectEqual(stored, "when full")
        let again = try open(files)
        try again.expectEqual(stored, "opened on a full disk")
        #expect(code { try again.put([1], for: [1]) } == .full)
        // The log's disk stays full, but what the engine has taken frees segments.
        engine.isFull = false
        try again.put([1], for: [1], .synced)
        stored[[1]] = [1]
        try again.expectEqual(stored, "with space again")
    }

    @Test("the log's own key is hidden, refused, and outlives a range delete of everything")
    func reservedKey() throws {
        let key = Bytes(AppliedRecord.key.readableBytesView)
        var store = try open()
        try store.put([1], for: [1])
        store.drainStep()
        #expect(try engine.inner.value(key) != nil)
        #expect(try store.value(key) == nil && store.entries().count == 1 && store.statistics().entries == 1)
        #expect(
            code { try store.put([1], for: key) } == .failed && code { try store.write { $0.delete(key) } } == .failed)
        try store.write(.synced) { $0.deleteRange([], nil) }
        store.drainStep()
        #expect(try engine.inner.value(key) != nil && engine.inner.entries().count == 1)
        engine.isFull = true
        try store.put([2], for: [2])
        #expect(store.drainStep())
        try store.write { $0.deleteRange([], nil) }
        #expect(try engine.inner.value(key) != nil, "after a range delete in a full engine")
        try reopen(&store)
        try store.expectEqual([:], "after all")
    }

    @Test(
        "changing a write path brings what the log holds into the engine and removes the log",
        arguments: [EngineKind.lmdb, .bdb, .sqlite])
    func changing(kind: EngineKind) throws {
        let store = folder.path + "/store"
        var options = EngineOptions()
        options.writePath.segmentBytes = 64 << 10
        var model: [Bytes: Bytes] = [:]
        for (round, writePath) in [WritePath.logged, .direct, .logged, .logged, .buffered, .logged, .direct]
            .enumerated()
        {
            let engine = try EngineFactory.open(kind, at: store, writePath: writePath, options: options)
            try engine.expectEqual(model, "round \(round)")
            #expect(FileCalls.exists(store + "/log") == (writePath == .logged), "round \(round)")
            try engine.put([UInt8(round)], for: [UInt8(round)], .synced)
            model[[UInt8(round)]] = [UInt8(round)]
            // Dropped, not closed: the log has what the engine lacks.
            if round == 3 { try engine.close() }
        }
        #expect(code { _ = try EngineFactory.open(.memory, at: store, writePath: .logged) } == .failed)
    }
}
