extension EngineConformance {
    static let orderChecks: [ConformanceCheck] = [
        ConformanceCheck("random batches leave what a sorted map would hold, in the order of unsigned bytes") {
            fixture in
            for seed in UInt64(1)...6 {
                try fixture.withEngine { try randomBatches($0, seed: seed) }
            }
        },
        ConformanceCheck("a put replaces the value before it, whatever their lengths") { fixture in
            try fixture.withEngine { engine in
                for length in [0, 1, 100, 5_000, 70_000, 3, 0, 20_000] {
                    let value = Bytes(repeating: UInt8(length % 251), count: length)
                    try engine.put(value, for: [7])
                    let found = try engine.value([7])
                    try expect(found == value, "after a put of \(length) bytes: \(found.map(brief) ?? "nothing")")
                }
                let entries = try engine.entries()
                try expect(entries.count == 1, "one key was put eight times, a scan finds \(entries.count) entries")
            }
        },
        ConformanceCheck("a deleted key is gone, and deleting a key that is not there does nothing") { fixture in
            try fixture.withEngine { engine in
                try engine.put([1], for: [1])
                try engine.put([3], for: [3])
                try engine.write { batch in
                    batch.delete([1])
                    batch.delete([2])
                    batch.delete([])
                }
                try expect(try engine.value([1]) == nil, "the deleted key is still read")
                try engine.expectEqual([[3]: [3]], "after the delete")
            }
        },
        ConformanceCheck("the empty key, keys of zeros and prefixes of each other are keys like any other") { fixture in
            var random = SplitMix64(seed: 99)
            var model: [Bytes: Bytes] = [:]
            for key in awkwardKeys { model[key] = Bytes("v".utf8) + key }
            try fixture.withEngine { engine in
                for key in awkwardKeys.shuffled(using: &random) { try engine.put(model[key] ?? [], for: key) }
                for key in awkwardKeys {
                    let found = try engine.value(key)
                    try expect(found == model[key], "\(brief(key)) reads \(found.map(brief) ?? "nothing")")
                }
                try engine.expectEqual(model, "after the puts")
                for key in awkwardKeys { try engine.expectEqual(model, "from \(brief(key))", from: key) }
                for key in awkwardKeys { try engine.expectEqual(model, "to \(brief(key))", to: key) }
                for key in awkwardKeys.shuffled(using: &random) {
                    try engine.write { $0.delete(key) }
                    model[key] = nil
                    try engine.expectEqual(model, "after the delete of \(brief(key))")
                }
            }
        },
        ConformanceCheck("an empty value is a value") { fixture in
            try fixture.withEngine { engine in
                try engine.put([], for: [])
                try engine.put([], for: [1])
                try expect(try engine.value([]) == [], "the empty value of the empty key is lost")
                try expect(try engine.value([1]) == [], "the empty value is lost")
                try expect(try engine.value([2]) == nil, "a key that was never put has a value")
                try engine.expectEqual([[]: [], [1]: []], "after two empty values")
            }
        },
    ]

    static let awkwardKeys: [Bytes] = [
        [], [0], [0, 0], [0, 0, 0], [0, 1], [0, 255], [1], [1, 0], [127], [128], [254, 255], [255], [255, 0],
        [255, 255],
        Bytes(repeating: 0, count: 40), Bytes(repeating: 255, count: 40), Bytes("%_'\"\\;--".utf8),
        Bytes("é\u{0}ü".utf8),
    ]
}

/// Puts, deletes and range deletes over keys that often meet, checked against a dictionary after every batch.
private func randomBatches(_ engine: any LocalPersistenceEngine, seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    try engine.write { $0.deleteRange([], nil) }
    var model: [Bytes: Bytes] = [:]
    for round in 0..<60 {
        var batch = WriteBatch()
        for _ in 0..<Int.random(in: 1...40, using: &random) {
            let key = randomKey(&random)
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                let other = randomKey(&random)
                let (lower, upper) = key.isBelow(other) ? (key, other) : (other, key)
                batch.deleteRange(lower, upper)
                for gone in model.keys
                where gone.isIn(lower, upper) {
                    model[gone] = nil
                }
            case 1..<6:
                batch.delete(key)
                model[key] = nil
            default:
                let value = random.bytes(Int.random(in: 0...60, using: &random))
                batch.put(value, for: key)
                model[key] = value
            }
        }
        try engine.commit(batch, durability: round % 7 == 0 ? .synced : .unsynced)
        let when = "seed \(seed), batch \(round)"
        try engine.expectEqual(model, when)
        let lower = randomKey(&random)
        let upper = randomKey(&random)
        try engine.expectEqual(model, "\(when), a random range", from: lower, to: upper)
        let key = randomKey(&random)
        let found = try engine.value(key)
        try expect(found == model[key], "\(when): \(brief(key)) reads \(found.map(brief) ?? "nothing")")
    }
}

/// Mostly short, of few different bytes, sometimes about and beyond 511: LMDB's limit must not show.
private func randomKey(_ random: inout SplitMix64) -> Bytes {
    let tail = (0..<Int.random(in: 0...4, using: &random)).map { _ in
        [0, 1, 97, 254, 255][Int.random(in: 0..<5, using: &random)] as UInt8
    }
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return Bytes(repeating: 97, count: Int.random(in: 500...515, using: &random)) + tail
    case 1:
        return Bytes(repeating: 97, count: [1_000, 1_010, 1_012, 1_500][Int.random(in: 0..<4, using: &random)]) + tail
    default: return tail
    }
}
