import ArgumentParser
import EngineBench
import Engines
import Testing

@testable import rotor

@Suite("rotor bench engines")
struct BenchEnginesTests {
    private func plan(_ words: String...) throws -> BenchPlan {
        try BenchEngines.parse(words).plan
    }

    @Test("names may be repeated or stand with commas between them, sizes have units")
    func lists() throws {
        let plan = try plan(
            "--engine", "lmdb,lmdb-c", "--engine", "memory", "--value-size", "100,1.5KiB", "--write-path", "buffered",
            "--workload", "put,mixed", "--buffer-objects", "1000", "--cache-size", "8MiB")
        #expect(plan.subjects == [.engine(.lmdb), .loop(.lmdb), .engine(.memory)])
        #expect(plan.valueSizes == [100, 1536])
        #expect(plan.writePaths == [.buffered])
        #expect(plan.workloads == [.put, .mixed])
        #expect(plan.writePathOptions.bufferObjects == 1000)
        #expect(plan.cacheBytes == 8 << 20)
    }

    @Test("without a word it measures every engine on disk and its C loop, and with a rate no C loop")
    func defaults() throws {
        #expect(try plan().subjects.map(\.rawValue) == ["lmdb", "lmdb-c", "bdb", "bdb-c", "sqlite", "sqlite-c"])
        #expect(try plan("--rate", "1000").subjects.map(\.rawValue) == ["lmdb", "bdb", "sqlite"])
    }

    @Test(
        "what makes no sense is refused before anything is measured",
        arguments: [
            ["--engine", "rocks"], ["--engine", "none"], ["--value-size", "1KB"], ["--value-size", "32MiB"],
            ["--duration", "0"], ["--threads", "0"], ["--readers", "0"], ["--keys", "0"], ["--write-path", "fast"],
            ["--workload", "none"], ["--rate", "0"], ["--rate", "5", "--engine", "bdb-c"], ["--cache-size", "1,2"],
            ["--buffer-objects", "0"],
        ])
    func refusals(_ words: [String]) {
        #expect(throws: (any Error).self) { try BenchEngines.parse(words) }
    }
}
