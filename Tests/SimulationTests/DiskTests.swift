import Engines
import NIOCore
import Node
import Placement
import Storage
import Testing

@testable import Simulation

/// The virtual disk, and what is kept on it: the node's own files by the server's code, and the twin's log.
@Suite struct DiskTests {
    private func bytes(_ generator: inout SeededGenerator, _ most: Int) -> [UInt8] {
        (0..<generator.within(1...most)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    @Test("what was synced survives every power failure, what was not may be torn at any sector")
    func sectors() throws {
        var torn = 0
        var kept = 0
        for seed in UInt64(0)..<400 {
            var generator = SeededGenerator(seed: seed)
            var disk = VirtualDisk()
            disk.create("a")
            disk.syncNames()
            let first = bytes(&generator, 3000)
            try disk.write(first, to: "a", at: 0)
            try disk.sync("a")
            let second = bytes(&generator, 3000)
            try disk.write(second, to: "a", at: first.count)
            disk.losePower(&generator)
            let left = try #require(disk.read("a"))
            #expect(Array(left.prefix(first.count)) == first, "seed \(seed)")
            if left == first + second { kept += 1 } else if left.count > first.count { torn += 1 }
        }
        #expect(torn > 50 && kept > 20, "\(torn) torn, \(kept) kept")
    }

    @Test("a failed sync writes nothing, and says so once")
    func failedSync() throws {
        var generator = SeededGenerator(seed: 1)
        var disk = VirtualDisk()
        disk.create("a")
        disk.syncNames()
        try disk.write([1, 2, 3], to: "a", at: 0)
        disk.failsNextSync = true
        #expect(throws: EngineError.self) { try disk.sync("a") }
        #expect(disk.read("a") == [1, 2, 3], "the page cache reads as if it had been written")
        disk.losePower(&generator)
        #expect(disk.read("a") != [1, 2, 3], "but it was not")
    }

    /// Runs `body` on a disk whose power goes after so many calls, then what is left of it.
    private func afterCrash(
        _ disk: VirtualDisk, calls: Int, _ generator: inout SeededGenerator, _ body: (VirtualFiles) throws -> Void
    ) -> (files: VirtualFiles, wasDone: Bool) {
        let files = VirtualFiles(disk, callsLeft: calls)
        let wasDone = (try? body(files)) != nil
        var left = files.disk
        left.losePower(&generator)
        return (VirtualFiles(left), wasDone)
    }

    @Test(
        "the node's record is the old one or the new one after a crash at any call, and the new one once it is durable")
    func recordFile() throws {
        var old = NodeRecord(member: ClusterLayout.founders(3)[0].id)
        old.revision = 4
        let new = old.started(stoppedCleanly: true, random: 77)
        var seen: Set<UInt64> = []
        for seed in UInt64(0)..<300 {
            var generator = SeededGenerator(seed: seed)
            let files = VirtualFiles(VirtualDisk())
            try NodeDisk.record(files).replace(with: old.encoded())
            let crash = afterCrash(files.disk, calls: generator.below(8), &generator) { files in
                try NodeDisk.record(files).replace(with: new.encoded())
            }
            let bytes = try #require(try NodeDisk.record(crash.files).read(), "seed \(seed): no record")
            let record = try NodeRecord(decoding: bytes)
            #expect(record == old || record == new, "seed \(seed)")
            if crash.wasDone { #expect(record == new, "seed \(seed)") }
            seen.insert(record.revision)
        }
        #expect(seen.count == 2)
    }

    @Test("a clean stop's marker counts once, whatever call a crash comes after")
    func marker() throws {
        let start = StartRecord(number: 3, session: 9, incarnation: 1)
        var consumed = 0
        for seed in UInt64(0)..<300 {
            var generator = SeededGenerator(seed: seed)
            let files = VirtualFiles(VirtualDisk())
            try NodeDisk.marker(files).write(after: start)
            #expect(try NodeDisk.marker(VirtualFiles(files.disk)).consume(after: start))
            let other = StartRecord(number: 4, session: 9, incarnation: 1)
            #expect(try !NodeDisk.marker(VirtualFiles(files.disk)).consume(after: other))
            var answer = false
            let crash = afterCrash(files.disk, calls: generator.below(5), &generator) { files in
                answer = try NodeDisk.marker(files).consume(after: start)
            }
            guard crash.wasDone, answer else { continue }
            consumed += 1
            #expect(try !NodeDisk.marker(crash.files).consume(after: start), "seed \(seed): it counts twice")
        }
        #expect(consumed > 50)
    }

    @Test("a flipped bit in the record is found, in the marker it makes it none")
    func damage() throws {
        let record = NodeRecord(member: ClusterLayout.founders(1)[0].id)
        let start = StartRecord(number: 3, session: 9, incarnation: 1)
        for bit in 0..<200 {
            let files = VirtualFiles(VirtualDisk())
            try NodeDisk.record(files).replace(with: record.encoded())
            try NodeDisk.marker(files).write(after: start)
            var disk = files.disk
            #expect(disk.damage(NodeDisk.recordName, bit: bit) && disk.damage("node/clean-stop", bit: bit))
            #expect(throws: ReplacedFileError.self, "bit \(bit)") { try NodeDisk.record(VirtualFiles(disk)).read() }
            #expect(try !NodeDisk.marker(VirtualFiles(disk)).consume(after: start), "bit \(bit)")
        }
    }

    private func contents(_ engine: VirtualEngine) throws -> [ByteBuffer] {
        var contents: [ByteBuffer] = []
        try engine.scan(.all) { key, value in
            contents.append(ByteBuffer(bytes: key))
            contents.append(ByteBuffer(bytes: value))
            return .proceed
        }
        return contents
    }

    private func batch(_ generator: inout SeededGenerator) -> WriteBatch {
        var batch = WriteBatch()
        for _ in 0..<generator.within(1...3) {
            let key = ByteBuffer(string: "key-\(generator.below(20))")
            switch generator.below(10) {
            case 0: batch.delete(key)
            case 1: batch.deleteRange(KeyRange(from: key, to: ByteBuffer(string: "key-\(generator.below(20))")))
            default: batch.put(ByteBuffer(bytes: bytes(&generator, 900)), for: key)
            }
        }
        return batch
    }

    @Test("after a crash the log holds a prefix of its commits, with all that were synced; a killed process loses none")
    func log() throws {
        for seed in UInt64(0)..<100 {
            var generator = SeededGenerator(seed: seed)
            var engine = try VirtualEngine(VirtualDisk())
            // What the engine held after each commit that is still there, and the last of them that was synced.
            var states = [try contents(engine)]
            var least = 0
            for life in 0..<3 {
                let first = states.count - 1
                for _ in 0..<generator.within(0...30) {
                    let isSynced = generator.chance(300)
                    try engine.commit(batch(&generator), durability: isSynced ? .synced : .unsynced)
                    states.append(try contents(engine))
                    if isSynced, generator.chance(900) {
                        engine.callsReturned()
                        least = states.count - 1
                    }
                }
                let end: NodeEnd = generator.pick([.powerFailure, .powerFailure, .kill, .cleanStop])
                if end == .kill { engine.callsReturned() }
                if end == .cleanStop {
                    try engine.close()
                    least = states.count - 1
                }
                guard case .disk(let disk) = engine.left(after: end, &generator).image else { return }
                engine = try VirtualEngine(disk)
                let left = try contents(engine)
                let index = try #require(
                    states.lastIndex(of: left), "seed \(seed), life \(life): \(end) left what never was")
                #expect(index >= least, "seed \(seed), life \(life): \(end) lost what was synced")
                if end != .powerFailure { #expect(index == states.count - 1, "seed \(seed), life \(life)") }
                if index < first { #expect(end == .powerFailure) }
                states = Array(states[...index])
            }
        }
    }

    @Test("a flipped bit below what was synced ends the opening, unless the log could end there")
    func damagedLog() throws {
        var refused = 0
        for seed in UInt64(0)..<100 {
            var generator = SeededGenerator(seed: seed)
            let engine = try VirtualEngine(VirtualDisk())
            for _ in 0..<10 { try engine.commit(batch(&generator), durability: .synced) }
            try engine.close()
            let whole = try contents(VirtualEngine(try disk(engine, &generator)))
            #expect(engine.damageFile(bit: generator.below(1 << 20)))
            do {
                let opened = try VirtualEngine(try disk(engine, &generator))
                // Only the closing record itself can go unnoticed.
                #expect(try contents(opened) == whole, "seed \(seed)")
            } catch let error as EngineError {
                #expect(error.code == .damaged)
                refused += 1
            }
        }
        #expect(refused > 80)
    }

    private func disk(_ engine: VirtualEngine, _ generator: inout SeededGenerator) throws -> VirtualDisk {
        guard case .disk(let disk) = engine.left(after: .cleanStop, &generator).image else {
            throw EngineError(.failed, operation: "leave", detail: "no disk")
        }
        return disk
    }
}
