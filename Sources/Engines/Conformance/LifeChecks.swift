import NIOCore

extension EngineConformance {
    static let lifeChecks: [ConformanceCheck] = [
        ConformanceCheck("statistics count entries exactly, and commits") { fixture in
            try fixture.withEngine { engine in
                try expect(try engine.statistics().entries == 0, "a new store has entries")
                let before = try engine.statistics()
                try engine.write { batch in
                    for index in UInt8(0)..<50 { batch.put([index], for: [index]) }
                }
                try engine.write(.synced) { batch in
                    batch.put([1], for: [0])
                    batch.put([1], for: [])
                    batch.delete([1])
                    batch.delete([99])
                    batch.deleteRange([40], [45])
                }
                let after = try engine.statistics()
                try expect(after.entries == 45, "50 puts, one new, six deleted: \(after.entries) entries, expected 45")
                try expect(
                    after.commits == before.commits + 2, "two commits counted as \(after.commits - before.commits)")
                try expect(after.syncs > before.syncs, "the synced commit is not among the syncs")
                try expect(after.diskBytes > 0 || !fixture.isPersistent, "the store takes no disk")
            }
        },
        ConformanceCheck("after close every call fails with closed, and a second close does nothing") { fixture in
            let engine = try fixture.open(fixture.storePath)
            try engine.put([1], for: [1])
            try engine.close()
            try engine.close()
            try expectError([.closed], "read") { _ = try engine.value([1]) }
            try expectError([.closed], "scan") { _ = try engine.entries() }
            try expectError([.closed], "commit") { try engine.put([1], for: [2]) }
            try expectError([.closed], "sync") { try engine.sync() }
            try expectError([.closed], "statistics") { _ = try engine.statistics() }
        },
        ConformanceCheck("closing under running readers ends them with closed, never otherwise") { fixture in
            for _ in 0..<5 {
                let engine = try fixture.open(fixture.storePath)
                try engine.write { batch in
                    for index in UInt8(0)..<100 { batch.put(Bytes(repeating: index, count: 300), for: [index]) }
                }
                let started = (0..<3).map { _ in Flag(true) }
                let readers = started.map { waiting in
                    CheckThread {
                        do {
                            while true {
                                let found = try engine.value([7])
                                try expect(found == Bytes(repeating: 7, count: 300), "a read beside a close is wrong")
                                let count = try engine.entries().count
                                try expect(count == 100, "a scan beside a close found \(count) of 100")
                                waiting.clear()
                            }
                        } catch let error as EngineError {
                            waiting.clear()
                            try expect(error.code == .closed, "a reader beside a close got \(error)")
                        }
                    }
                }
                while started.contains(where: \.isSet) {}
                try engine.close()
                for reader in readers { try reader.join() }
            }
        },
        ConformanceCheck("reopening keeps everything, synced or closed", needsFiles: true) { fixture in
            var random = SplitMix64(seed: 9)
            var model: [Bytes: Bytes] = [:]
            for round in 0..<5 {
                try fixture.withEngine { engine in
                    try engine.expectEqual(model, "at opening \(round)")
                    let entries = try engine.statistics().entries
                    try expect(entries == model.count, "at opening \(round): \(entries) entries of \(model.count)")
                    try engine.write(round % 2 == 0 ? .synced : .unsynced) { batch in
                        for index in 0..<300 {
                            let length = index % 30 == 0 ? 1_500 + index : index % 20
                            let key = random.bytes(length)
                            let value = random.bytes(index * 10)
                            batch.put(value, for: key)
                            model[key] = value
                        }
                        for key in model.keys.sorted(by: { $0.isBelow($1) }).prefix(40) {
                            batch.delete(key)
                            model[key] = nil
                        }
                    }
                    if round == 3 { try engine.sync() }
                }
            }
            try fixture.withEngine { try $0.expectEqual(model, "at the last opening") }
        },
    ]
}
