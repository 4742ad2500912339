import NIOCore

extension EngineConformance {
    static let batchChecks: [ConformanceCheck] = [
        ConformanceCheck("the operations of a batch work in their order") { fixture in
            try fixture.withEngine { engine in
                try engine.write { batch in
                    batch.put([1], for: [1])
                    batch.delete([1])
                    batch.put([2], for: [2])
                    batch.put([22], for: [2])
                    batch.put([3], for: [3])
                    batch.deleteRange([3], [4])
                    batch.put([33], for: [3])
                    batch.deleteRange([5], nil)
                    batch.put([6], for: [6])
                }
                try engine.expectEqual([[2]: [22], [3]: [33], [6]: [6]], "after one batch")
            }
        },
        ConformanceCheck("an empty batch commits, synced or not") { fixture in
            try fixture.withEngine { engine in
                try engine.put([1], for: [1])
                try engine.write(.unsynced) { _ in }
                try engine.write(.synced) { _ in }
                try engine.expectEqual([[1]: [1]], "after two empty batches")
            }
        },
        ConformanceCheck("a batch with an operation beyond the limits leaves nothing of itself") { fixture in
            let tooLongKey = Bytes(repeating: 1, count: EngineLimits.maximumKeyLength + 1)
            let tooLongValue = Bytes(repeating: 1, count: EngineLimits.maximumValueLength + 1)
            try fixture.withEngine { engine in
                try engine.put([1], for: [1])
                for place in 0..<3 {
                    for bad in 0..<3 {
                        try expectError([.tooLarge], "bad operation \(bad) at place \(place)") {
                            try engine.write(.synced) { batch in
                                for index in 0..<3 {
                                    batch.put([9], for: [UInt8(index)])
                                    guard index == place else { continue }
                                    if bad == 0 { batch.put([], for: tooLongKey) }
                                    if bad == 1 { batch.put(tooLongValue, for: [7]) }
                                    if bad == 2 { batch.delete(tooLongKey) }
                                }
                            }
                        }
                        try engine.expectEqual([[1]: [1]], "after a refused batch")
                    }
                }
                try engine.put([2], for: [2], .synced)
                try engine.expectEqual([[1]: [1], [2]: [2]], "after a good batch")
            }
        },
        ConformanceCheck("a range delete removes its lower bound, not its upper, and nothing beside") { fixture in
            try fixture.withEngine { engine in
                let keys: [Bytes] = [[], [1], [1, 0], [1, 255], [2], [2, 0], [3], [255, 255]]
                let bounds: [Bytes] = keys + [[0], [1, 1], [4], [255, 255, 0]]
                for lower in bounds {
                    for upper in bounds.map(Optional.some) + [nil] {
                        var model: [Bytes: Bytes] = [:]
                        try engine.write { batch in
                            for key in keys {
                                batch.put([5], for: key)
                                if !key.isIn(lower, upper) { model[key] = [5] }
                            }
                        }
                        try engine.write { $0.deleteRange(lower, upper) }
                        let range = "\(brief(lower))..<\(upper.map(brief) ?? "the end")"
                        try engine.expectEqual(model, "after a range delete of \(range)")
                    }
                }
            }
        },
        ConformanceCheck("a range delete of thousands of keys is one batch") { fixture in
            try fixture.withEngine { engine in
                var model: [Bytes: Bytes] = [:]
                try engine.write { batch in
                    for index in 0..<20_000 {
                        let key: Bytes = [UInt8(index % 3), UInt8((index / 3) >> 8), UInt8((index / 3) & 255)]
                        let value = Bytes(repeating: UInt8(index & 255), count: index % 90)
                        batch.put(value, for: key)
                        if key[0] != 1 { model[key] = value }
                    }
                }
                try engine.write { batch in
                    batch.deleteRange([1], [2])
                    batch.put([1], for: [1, 9])
                }
                model[[1, 9]] = [1]
                try engine.expectEqual(model, "after the range delete")
            }
        },
    ]
}
