extension EngineConformance {
    static let sizeChecks: [ConformanceCheck] = [
        ConformanceCheck("the largest key and the largest value are stored, one byte more is refused") { fixture in
            var random = SplitMix64(seed: 5)
            let key = random.bytes(EngineLimits.maximumKeyLength)
            let value = random.bytes(EngineLimits.maximumValueLength)
            let other = random.bytes(EngineLimits.maximumValueLength)
            try fixture.withEngine { engine in
                try engine.put(value, for: key, .synced)
                try expect(try engine.holds(value, under: key), "the largest value is not read as it was put")
                try engine.put(other, for: [], .synced)
                try expect(try engine.holds(other, under: []), "the largest value of the empty key is not read")
                try expectError([.tooLarge], "a key one byte longer") { try engine.put([], for: key + [0]) }
                try expectError([.tooLarge], "a value one byte longer") { try engine.put(value + [0], for: [1]) }
                try expect(try engine.value(key + [0]) == nil, "a key beyond the limit has a value")
                try engine.expectEqual([key: value, []: other], "after two refusals")
            }
        },
        ConformanceCheck("one batch holds several of the largest values") { fixture in
            var random = SplitMix64(seed: 6)
            let value = random.bytes(EngineLimits.maximumValueLength)
            try fixture.withEngine { engine in
                try engine.write(.synced) { batch in
                    for index in UInt8(0)..<6 { batch.put(value, for: [index]) }
                }
                for index in UInt8(0)..<6 {
                    try expect(try engine.holds(value, under: [index]), "value \(index) is not what was put")
                }
                try engine.write(.synced) { $0.deleteRange([], nil) }
                try engine.expectEqual([:], "after the range delete")
            }
        },
        ConformanceCheck("keys of 4 KiB that share 4,000 bytes keep their order and their values") { fixture in
            var random = SplitMix64(seed: 7)
            let shared = random.bytes(4_000)
            try fixture.withEngine { engine in
                var model: [Bytes: Bytes] = [:]
                for index in UInt8(0)..<40 {
                    let key = shared + random.bytes(EngineLimits.maximumKeyLength - shared.count)
                    model[key] = [index]
                    try engine.put([index], for: key)
                }
                model[shared] = [100]
                try engine.put([100], for: shared)
                try engine.expectEqual(model, "after the puts")
                for key in model.keys.sorted(by: { $0.isBelow($1) }).prefix(20) {
                    try engine.expectEqual(model, "from a long key", from: key)
                    try engine.expectEqual(model, "to a long key", to: key)
                    model[key] = nil
                    try engine.write { $0.delete(key) }
                    try engine.expectEqual(model, "after a delete")
                }
            }
        },
        ConformanceCheck("keys about every length at which an engine may change its ways") { fixture in
            let lengths =
                Array(250...260) + Array(500...515) + Array(1_005...1_030) + Array(1_500...1_530)
                + Array(2_010...2_050) + [4_094, 4_095, 4_096]
            var random = SplitMix64(seed: 8)
            try fixture.withEngine { engine in
                var model: [Bytes: Bytes] = [:]
                // Each is a prefix of all longer ones; and a sibling of each differs in its last byte.
                let longest = random.bytes(EngineLimits.maximumKeyLength)
                for length in lengths.shuffled(using: &random) {
                    var key = Bytes(longest[..<length])
                    model[key] = [UInt8(length & 255), 1]
                    key[length - 1] &+= 1
                    model[key] = [UInt8(length & 255), 2]
                }
                let keys = model.keys.sorted { $0.isBelow($1) }.shuffled(using: &random)
                for (index, key) in keys.enumerated() {
                    try engine.put(model[key] ?? [], for: key)
                    if index % 16 == 0 { try expect(try engine.value(key) == model[key], "\(key.count) bytes: lost") }
                }
                try engine.expectEqual(model, "after the puts")
                for key in keys {
                    try expect(try engine.value(key) == model[key], "a key of \(key.count) bytes is not read")
                    try expect(try engine.value(key + [0]) == model[key + [0]], "an extension of \(key.count) bytes")
                }
                try rangesOverLongKeys(engine, &model, keys: keys, random: &random)
            }
        },
    ]

    /// Takes ranges between long keys away until nothing is left, checking what remains and that it is whole.
    private static func rangesOverLongKeys(
        _ engine: any LocalPersistenceEngine, _ model: inout [Bytes: Bytes], keys: [Bytes], random: inout SplitMix64
    ) throws {
        for round in 0..<24 {
            let first = keys[Int.random(in: 0..<keys.count, using: &random)]
            let second = keys[Int.random(in: 0..<keys.count, using: &random)]
            let (lower, upper) = first.isBelow(second) ? (first, second) : (second, first)
            try engine.expectEqual(model, "range \(round)", from: lower, to: upper)
            guard round % 3 == 0 else { continue }
            try engine.write { $0.deleteRange(lower, upper) }
            for key in keys
            where key.isIn(lower, upper) { model[key] = nil }
            try engine.expectEqual(model, "after range delete \(round)")
            let entries = try engine.statistics().entries
            try expect(entries == model.count, "statistics count \(entries) entries of \(model.count)")
        }
        try engine.write { $0.deleteRange([], nil) }
        try engine.expectEqual([:], "after the last range delete")
        let entries = try engine.statistics().entries
        try expect(entries == 0, "statistics count \(entries) entries of an empty store")
    }
}
