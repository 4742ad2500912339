import NIOCore

extension EngineConformance {
    static let scanChecks: [ConformanceCheck] = [
        ConformanceCheck("a scan of an empty store, or of an empty or inverted range, visits nothing") { fixture in
            try fixture.withEngine { engine in
                try engine.expectEqual([:], "an empty store")
                try engine.put([1], for: [5])
                for (lower, upper) in [([5], [5]), ([6], [5]), ([5, 0], nil), ([], []), ([], [5])] as [(Bytes, Bytes?)]
                {
                    let found = try engine.entries(from: lower, to: upper)
                    try expect(
                        found.isEmpty, "\(brief(lower))..<\(upper.map(brief) ?? "the end") visits \(found)")
                }
            }
        },
        ConformanceCheck("a scan stops where its body says so, and passes its body's error on") { fixture in
            struct Halt: Error {}
            try fixture.withEngine { engine in
                try engine.write { batch in
                    for index in UInt8(0)..<100 { batch.put([index], for: [index]) }
                }
                var seen: [UInt8] = []
                try engine.scan(KeyRange([10], [90])) { key, _ in
                    seen.append(key[0])
                    return seen.count == 5 ? .stop : .proceed
                }
                try expect(seen == [10, 11, 12, 13, 14], "stopped at the fifth, visited \(seen)")
                seen = []
                do {
                    try engine.scan(.all) { key, _ in
                        seen.append(key[0])
                        if seen.count == 3 { throw Halt() }
                        return .proceed
                    }
                    throw ConformanceViolation("the body's error was swallowed by the scan")
                } catch is Halt {
                    try expect(seen == [0, 1, 2], "threw at the third, visited \(seen)")
                }
                do {
                    try engine.read(ByteBuffer(bytes: [1])) { _ in throw Halt() }
                    throw ConformanceViolation("the body's error was swallowed by the read")
                } catch is Halt {}
                // Nothing may be left locked or open behind the error.
                try engine.put([0], for: [200], .synced)
                try expect(try engine.entries().count == 101, "after the errors a scan does not find all")
            }
        },
        ConformanceCheck("a scan sees one snapshot, however much is committed while it runs") { fixture in
            try fixture.withEngine { engine in
                try engine.write { batch in
                    for index in UInt8(0)..<200 { batch.put([1], for: [index, 1]) }
                }
                var seen: [Bytes] = []
                // To wait for a commit in a body is asking for trouble where the store must grow; this one is small.
                try engine.scan(.all) { key, value in
                    seen.append(Bytes(key))
                    try expect(Bytes(value) == [1], "a value of a later commit at \(brief(Bytes(key)))")
                    if seen.count % 20 == 1 {
                        let round = UInt8(seen.count / 20)
                        try onAnotherThread {
                            try engine.write(round % 2 == 0 ? .synced : .unsynced) { batch in
                                for index in UInt8(0)..<200 where index % 3 == round % 3 {
                                    batch.put([2, round], for: [index, 1])
                                    batch.put([3], for: [index, 2])
                                }
                                batch.deleteRange([190 - round], [200])
                            }
                        }
                    }
                    return .proceed
                }
                try expect(
                    seen == (UInt8(0)..<200).map { [$0, 1] }, "the scan visited \(seen.count) keys, expected 200")
                let after = try engine.entries()
                try expect(after.contains { $0.value == [3] }, "a scan begun later does not see the commits")
            }
        },
        ConformanceCheck("a read sees every commit that returned before it, from any thread") { fixture in
            try fixture.withEngine { engine in
                for round in UInt8(0)..<200 {
                    try engine.put([round], for: [1], round % 50 == 0 ? .synced : .unsynced)
                    try onAnotherThread {
                        let found = try engine.value([1])
                        try expect(
                            found == [round], "after commit \(round) a read gives \(found.map(brief) ?? "nothing")")
                        let scanned = try engine.entries()
                        try expect(scanned.first?.value == [round], "after commit \(round) a scan gives \(scanned)")
                    }
                }
            }
        },
        ConformanceCheck("readers beside the writer never see half a batch") { fixture in
            try fixture.withEngine { engine in
                try engine.write { batch in
                    for slot in UInt8(0)..<32 { batch.put([0, 0], for: [slot]) }
                }
                let writing = Flag(true)
                let readers = (0..<3).map { index in
                    CheckThread {
                        var last = 0
                        var rounds = 0
                        while writing.isSet || rounds == 0 {
                            var numbers: Set<Int> = []
                            try engine.scan(.all) { _, value in
                                numbers.insert(Int(value[0]) << 8 | Int(value[1]))
                                return .proceed
                            }
                            try expect(numbers.count == 1, "reader \(index) saw batches \(numbers.sorted()) at once")
                            let number = numbers.first ?? -1
                            try expect(number >= last, "reader \(index) saw batch \(number) after \(last)")
                            last = number
                            let single = try engine.value([UInt8(rounds % 32)]) ?? [255, 255]
                            let read = Int(single[0]) << 8 | Int(single[1])
                            try expect(read >= last && read <= 400, "reader \(index) read batch \(read) after \(last)")
                            last = read
                            rounds += 1
                        }
                    }
                }
                do {
                    defer { writing.clear() }
                    for number in 1...400 {
                        try engine.write(number % 40 == 0 ? .synced : .unsynced) { batch in
                            for slot in UInt8(0)..<32 {
                                batch.put([UInt8(number >> 8), UInt8(number & 255)], for: [slot])
                            }
                        }
                    }
                }
                for reader in readers { try reader.join() }
            }
        },
    ]
}
