import NIOCore

extension EngineConformance {
    static let growthChecks: [ConformanceCheck] = [
        ConformanceCheck("a store at its limit of size refuses with full and keeps what it has", needsFiles: true) {
            fixture in
            var stored = 0
            try fixture.withEngine(maximumBytes: 32 << 20) { engine in
                let error = try expectError([.full], "64 MiB into a store of 32") {
                    for start in stride(from: 0, to: 64, by: 2) {
                        try putBlocks(start..<(start + 2), in: engine, start % 8 == 0 ? .synced : .unsynced)
                        stored = start + 2
                    }
                }
                try expect(stored >= 8, "full after \(stored) MiB of 32: \(error)")
                try expectBlocks(0..<stored, in: engine, "when full")
                try expectError([.full], "once more") { try putBlocks(40..<60, in: engine, .synced) }
                try expectBlocks(0..<stored, in: engine, "when full again")
                // A small write may need the last pages for itself: what must work is to make room and then write.
                try engine.write(.synced) { $0.deleteRange(KeyRange(from: blockKey(0), to: blockKey(4))) }
                try engine.write(.synced) { $0.put([1], for: []) }
                try expect(try engine.value([]) == [1], "a write after making room is lost")
                try engine.write(.synced) { $0.delete([]) }
                try expectBlocks(4..<stored, in: engine, "after making room")
            }
            try fixture.withEngine { engine in
                try expectBlocks(4..<stored, in: engine, "opened without a limit")
                try putBlocks(stored..<(stored + 20), in: engine, .synced)
                try expectBlocks(4..<(stored + 20), in: engine, "grown without a limit")
            }
        },
        ConformanceCheck(
            "a store grows past 1 GiB beside a reader, and is whole when opened again", needsFiles: true
        ) {
            fixture in
            try fixture.withEngine { engine in
                try putBlocks(0..<16, in: engine, .synced)
                let growing = Flag(true)
                let reader = CheckThread {
                    var random = SplitMix64(seed: 10)
                    while growing.isSet {
                        let newest = try newestBlock(engine)
                        try expectBlock(Int.random(in: 0...newest, using: &random), in: engine)
                    }
                }
                do {
                    defer { growing.clear() }
                    for start in stride(from: 16, to: blocks, by: 16) {
                        try putBlocks(start..<(start + 16), in: engine, start % 256 == 0 ? .synced : .unsynced)
                    }
                }
                try reader.join()
                let bytes = try engine.statistics().diskBytes
                try expect(bytes > 1 << 30, "\(blocks) MiB take \(bytes) bytes")
            }
            try fixture.withEngine { engine in
                let entries = try engine.statistics().entries
                try expect(entries == blocks, "\(entries) of \(blocks) blocks when opened again")
                for number in stride(from: 0, to: blocks, by: 37) { try expectBlock(number, in: engine) }
            }
        },
        ConformanceCheck("what deletes free serves again", needsFiles: true) { fixture in
            let rounds = 8
            let perRound = 48
            try fixture.withEngine { engine in
                for _ in 0..<rounds {
                    try engine.write(.synced) { $0.deleteRange([], nil) }
                    for start in stride(from: 0, to: perRound, by: 16) {
                        try putBlocks(start..<(start + 16), in: engine, .unsynced)
                    }
                    try engine.sync()
                }
            }
            // A log may hold deleted blocks for a while, but not for ever.
            try fixture.withEngine { engine in
                try putBlocks(perRound..<(perRound + 2), in: engine, .synced)
                let statistics = try engine.statistics()
                try expect(
                    statistics.entries == perRound + 2,
                    "\(statistics.entries) entries after the deletes, expected \(perRound + 2)")
                let limit = (rounds - 4) * perRound << 20
                try expect(
                    statistics.diskBytes < limit,
                    "\(rounds) times \(perRound) MiB in turn take \(statistics.diskBytes) bytes, more than \(limit)")
                try expectBlock(perRound - 1, in: engine)
            }
        },
    ]

    /// MiB.
    private static let blocks = 1_088

    private static func blockKey(_ number: Int) -> ByteBuffer {
        ByteBuffer(integer: UInt32(number))
    }

    private static let emptyBlock = ByteBuffer(repeating: 0x5a, count: 1 << 20)

    /// 1 MiB that tells its number in its first and last bytes and every 4 KiB.
    private static func block(_ number: Int) -> ByteBuffer {
        var block = emptyBlock
        for offset in stride(from: 0, to: 1 << 20, by: 4096) { block.setInteger(UInt32(number), at: offset) }
        block.setInteger(UInt32(number), at: (1 << 20) - 4)
        return block
    }

    private static func putBlocks(
        _ numbers: Range<Int>, in engine: any LocalPersistenceEngine, _ durability: Durability
    ) throws {
        try engine.write(durability) { batch in
            for number in numbers { batch.put(block(number), for: blockKey(number)) }
        }
    }

    private static func expectBlock(_ number: Int, in engine: any LocalPersistenceEngine) throws {
        try engine.read(blockKey(number)) { bytes in
            let matches = bytes.map { bytes in
                block(number).withUnsafeReadableBytes { KeyOrder.compare($0, bytes) == 0 }
            }
            try expect(matches == true, "block \(number) is \(matches == nil ? "not there" : "not what was put")")
        }
    }

    private static func expectBlocks(
        _ numbers: Range<Int>, in engine: any LocalPersistenceEngine, _ when: String
    ) throws {
        let entries = try engine.statistics().entries
        try expect(entries == numbers.count, "\(when): \(entries) entries, expected blocks \(numbers)")
        for number in numbers { try expectBlock(number, in: engine) }
    }

    /// The writer puts them in order, so a block is there if all below it are.
    private static func newestBlock(_ engine: any LocalPersistenceEngine) throws -> Int {
        var low = 0
        var high = blocks
        while high - low > 1 {
            let middle = (low + high) / 2
            var isThere = false
            try engine.read(blockKey(middle)) { isThere = $0 != nil }
            if isThere { low = middle } else { high = middle }
        }
        return low
    }
}
