import NIOCore
import Testing

@testable import Engines

@Suite("The object buffer")
struct BufferTests {
    private func open(_ engine: TroubledEngine, objects: Int = 1_000, inline: Bool = true) -> BufferedEngine {
        var options = WritePathOptions()
        options.bufferObjects = objects
        return BufferedEngine(over: engine, options: options, stepsInline: inline)
    }

    @Test("masks the engine's entries, by values, deletes and deleted ranges, at every stage of the way there")
    func masks() throws {
        for seed in UInt64(0)..<60 {
            var random = SplitMix64(seed: seed)
            let engine = TroubledEngine()
            let store = open(engine, objects: 40)
            var model: [Bytes: Bytes] = [:]
            for step in 0..<120 {
                try write(3, to: store, &model, &random)
                if Int.random(in: 0..<6, using: &random) == 0 { store.freeze() }
                if Int.random(in: 0..<8, using: &random) == 0 { store.drainStep() }
                let key = someKey(&random)
                #expect(try store.value(key) == model[key], "seed \(seed), step \(step)")
                try store.expectEqual(
                    model, "seed \(seed), step \(step)", from: someKey(&random),
                    to: step % 2 == 0 ? nil : someKey(&random))
                #expect(try store.statistics().entries == model.count, "seed \(seed), step \(step)")
            }
            try store.close()
            #expect(try engine.inner.entries().count == model.count, "seed \(seed): the engine has all after a close")
        }
    }

    @Test("a scan sees one moment, however much is committed, frozen and drained beside it")
    func scans() throws {
        for seed in UInt64(0)..<60 {
            var random = SplitMix64(seed: seed)
            let store = open(TroubledEngine(), objects: 60)
            var model: [Bytes: Bytes] = [:]
            for _ in 0..<30 { try write(3, to: store, &model, &random) }
            if seed % 2 == 0 { store.freeze() }
            try write(3, to: store, &model, &random)
            let expected = model.map { Entry(key: $0.key, value: $0.value) }.sorted { $0.key.isBelow($1.key) }
            var found: [Entry] = []
            try store.scan(.all) { key, value in
                found.append(Entry(key: Bytes(key), value: Bytes(value)))
                try write(2, to: store, &model, &random)
                if found.count % 3 == 0 { store.drainStep() }
                return .proceed
            }
            #expect(found == expected, "seed \(seed)")
            try store.expectEqual(model, "seed \(seed), afterwards")
        }
    }

    @Test("a generation reaches the engine as one transaction, in the order of the keys")
    func oneTransaction() throws {
        let engine = TroubledEngine()
        let store = open(engine)
        for index in [5, 3, 9, 3, 1] as [UInt8] { try store.put([index], for: [index]) }
        try store.write { $0.delete([9]) }
        #expect(engine.committed.isEmpty, "an unsynced commit has reached the engine by itself")
        store.freeze()
        try store.put([7], for: [7])
        #expect(store.drainStep())
        #expect(engine.committed.count == 1)
        let keys = engine.committed[0].operations.map { operation -> Bytes in
            switch operation {
            case .put(let key, _), .delete(let key): Bytes(key.readableBytesView)
            case .deleteRange: []
            }
        }
        #expect(keys == [[1], [3], [5], [9]])
        let figures = try #require(try store.statistics().writePath)
        #expect(figures.drainedGenerations == 1 && figures.drainedObjects == 4 && figures.bufferedObjects == 1)
    }

    @Test("behind a log it reaches the engine bit by bit, and nobody sees at which")
    func manyTransactions() throws {
        let folder = try TemporaryFolder()
        for seed in UInt64(0)..<20 {
            var random = SplitMix64(seed: seed)
            let engine = TroubledEngine()
            var options = WritePathOptions()
            options.transactionBytes = 40
            let store = try BufferedEngine(
                over: engine, log: LogFolder(path: "\(folder.path)/\(seed)"), options: options, stepsInline: true,
                identity: 7)
            var model: [Bytes: Bytes] = [:]
            var fewest = Int.max
            for step in 0..<12 {
                for _ in 0..<10 { try write(3, to: store, &model, &random) }
                store.freeze()
                for _ in 0..<5 { try write(3, to: store, &model, &random) }
                let (expected, from, before) = (model, someKey(&random), store.bufferedFigures.objects)
                engine.onCommit = {
                    do {
                        for (key, value) in expected { #expect(try store.value(key) == value, "seed \(seed), \(step)") }
                        try store.expectEqual(expected, "seed \(seed), step \(step)", from: from, to: nil)
                    } catch {
                        Issue.record(error)
                    }
                    fewest = min(fewest, store.bufferedFigures.objects - before)
                }
                store.drainStep()
                engine.onCommit = {}
                #expect(try store.statistics().entries == model.count, "seed \(seed), step \(step)")
            }
            #expect(fewest < 0, "seed \(seed): no room was made before the end")
            try store.close()
            #expect(try engine.inner.entries().count == model.count + 1, "seed \(seed): all, and what is applied")
        }
    }

    @Test("a synced commit is in the engine when it returns, and so is all that was committed before it")
    func syncedCommits() throws {
        let engine = TroubledEngine()
        let store = open(engine)
        try store.put([1], for: [1])
        try store.put([2], for: [2], .synced)
        engine.inner.loseUnsynced()
        #expect(try engine.inner.entries().map(\.key) == [[1], [2]])
        try store.put([3], for: [3])
        try store.sync()
        engine.inner.loseUnsynced()
        #expect(try engine.inner.entries().count == 3)
    }

    @Test("who waits for a sync is told after it, not before, and that it failed where it did")
    func whenDurable() throws {
        let engine = TroubledEngine()
        let store = open(engine)
        let told = Told<String>()
        func expect(_ name: String) {
            store.whenDurable { outcome in
                switch outcome {
                case .success: told.tell(name)
                case .failure(let error): told.tell("\(name) \(error.code)")
                }
            }
        }
        expect("nothing buffered")
        #expect(told.all == ["nothing buffered"])
        try store.put([1], for: [1])
        expect("first")
        store.freeze()
        try store.put([2], for: [2])
        expect("second")
        #expect(told.all.count == 1)
        store.drainStep()
        #expect(told.all == ["nothing buffered", "first"])
        engine.isFull = true
        store.drainStep()
        #expect(told.all.last == "second full")
        engine.isFull = false
        expect("again")
        try store.close()
        #expect(told.all.last == "again")
        // An engine by itself syncs there and then.
        let direct = MemoryEngine()
        direct.whenDurable { _ in told.tell("direct") }
        #expect(told.all.last == "direct")
    }

    @Test("a thread drains for who waits for a sync, without another commit")
    func whenDurableOnThread() throws {
        let engine = TroubledEngine()
        let store = open(engine, inline: false)
        let told = Told<Bool>()
        engine.isHeld = true
        for index in UInt8(0)..<10 {
            try store.put([index], for: [index])
            store.whenDurable { outcome in told.tell((try? outcome.get()) != nil) }
        }
        #expect(told.all.isEmpty)
        engine.isHeld = false
        #expect(told.wait(for: 10).allSatisfy { $0 })
        // One transaction for the first, one for all that came meanwhile, or fewer.
        #expect(engine.committed.count <= 2)
        try store.close()
    }

    @Test("a full engine refuses commits, loses nothing, serves reads, takes deletes, and goes on when it has space")
    func fullEngine() throws {
        let engine = TroubledEngine()
        let store = open(engine)
        try store.put([1], for: [1], .synced)
        engine.isFull = true
        try store.put([2], for: [2])
        #expect(code { try store.put([3], for: [3], .synced) } == .full)
        #expect(code { try store.put([3], for: [3]) } == .full, "once it is known to be full")
        #expect(code { try store.sync() } == .full)
        try store.expectEqual([[1]: [1], [2]: [2]], "when full")
        #expect(try store.statistics().writePath?.isFull == true)
        try store.write { $0.delete([1]) }
        #expect(try engine.inner.value([1]) == nil, "the delete waits for space")
        try store.expectEqual([[2]: [2]], "after a delete")
        engine.isFull = false
        try store.put([4], for: [4])
        try store.close()
        #expect(try engine.inner.entries().map(\.key) == [[2], [4]])
    }

    @Test("a closed store whose engine is full says what it lost")
    func closedWhenFull() throws {
        let engine = TroubledEngine()
        let store = open(engine)
        try store.put([2], for: [2])
        engine.isFull = true
        #expect(code { try store.close() } == .full)
        #expect(code { _ = try store.value([2]) } == .closed)
    }

    @Test("a writer waits where the buffer is full: it never holds more than its bound")
    func backPressure() throws {
        let engine = TroubledEngine()
        let store = open(engine, objects: 100, inline: false)
        engine.isHeld = true
        let writer = CheckThread {
            for index in 0..<1_000 { try store.put([0], for: [UInt8(index >> 8), UInt8(index & 255)]) }
        }
        var most = 0
        // Until nothing more comes it is filling, then the engine is let go and the rest follows.
        while store.bufferedObjects < 100 {}
        for _ in 0..<200 { most = max(most, store.bufferedObjects) }
        #expect(engine.committed.isEmpty)
        engine.isHeld = false
        try writer.join()
        #expect(most == 100)
        #expect(engine.committed.count >= 10, "\(engine.committed.count) transactions for ten full buffers")
        try store.close()
        #expect(try engine.inner.statistics().entries == 1_000)
    }

    @Test("a small slice of a large buffer is copied, an ordinary one is not")
    func pinning() {
        let large = ByteBuffer(repeating: 1, count: 1 << 20)
        let slice = large.getSlice(at: 100, length: 10) ?? large
        #expect(slice.unpinned.storageCapacity < 100 && slice.unpinned == slice)
        let most = large.getSlice(at: 0, length: 900_000) ?? large
        #expect(most.unpinned.storageCapacity == large.storageCapacity)
    }

    // MARK: Inside

    private func someKey(_ random: inout SplitMix64) -> Bytes {
        let number = Int.random(in: 0..<60, using: &random)
        return number == 0 ? [] : [UInt8(number % 7)] + Bytes(repeating: UInt8(number), count: number % 11)
    }

    private func write(
        _ operations: Int, to store: BufferedEngine, _ model: inout [Bytes: Bytes], _ random: inout SplitMix64
    ) throws {
        var batch = WriteBatch()
        for _ in 0..<Int.random(in: 1...operations, using: &random) {
            let key = someKey(&random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0...1:
                batch.delete(key)
                model[key] = nil
            case 2:
                let upper = Bool.random(using: &random) ? nil : someKey(&random)
                batch.deleteRange(key, upper)
                for other in model.keys where other.isIn(key, upper) { model[other] = nil }
            default:
                let value = Bytes(repeating: UInt8.random(in: 0...255, using: &random), count: 5)
                batch.put(value, for: key)
                model[key] = value
            }
        }
        try store.commit(batch, durability: .unsynced)
    }
}

extension BufferedEngine {
    var bufferedObjects: Int { bufferedFigures.objects }
}
