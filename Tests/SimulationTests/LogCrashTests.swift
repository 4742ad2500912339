import Engines
import Foundation
import NIOCore
import Testing

@testable import Simulation

/// The buffer and the write-ahead log on virtual disks, whose power goes at any call, with any part of what was not
/// synced: what is left must be what some prefix of the commits leaves, with all that were durable.
@Suite struct LogCrashTests {
    /// `ROTOR_LOG_SEEDS=10000` for a long run.
    private static let seeds = ProcessInfo.processInfo.environment["ROTOR_LOG_SEEDS"].flatMap(UInt64.init) ?? 200

    @Test("after a crash at any call the store holds a prefix of its commits, with all that were durable")
    func crashes() throws {
        var figures = LogCrashFigures()
        for seed in 0..<Self.seeds {
            var run = try LogCrashRun(seed: seed, isLogged: true)
            try run.lives(6)
            figures.add(run.figures)
        }
        // What a run that checks something must have met.
        #expect(figures.powerFailures > Self.seeds && figures.kills > 0 && figures.closes > 0, "\(figures)")
        #expect(figures.lost > 0, "no power failure took what was not synced: \(figures)")
        #expect(figures.crashedOpenings > 0 && figures.drained > Self.seeds, "\(figures)")
        #expect(figures.recycled > 0, "no segment was used again: \(figures)")
        #expect(figures.wiped > 0, "no torn record had a readable one behind it: \(figures)")
    }

    @Test("without a log a crash takes the newest commits only, and none that was durable")
    func bufferedCrashes() throws {
        var figures = LogCrashFigures()
        for seed in 0..<Self.seeds {
            var run = try LogCrashRun(seed: seed, isLogged: false)
            try run.lives(4)
            figures.add(run.figures)
        }
        #expect(figures.powerFailures > 0 && figures.kills > 0 && figures.lost > Self.seeds / 2, "\(figures)")
        #expect(figures.waited > 0, "nobody was told of a sync: \(figures)")
    }

    @Test("a flipped bit below what was synced ends the opening, wherever it is, and never gives another value")
    func damage() throws {
        var refused = 0
        for seed in 0..<Self.seeds {
            var generator = SeededGenerator(seed: seed)
            var run = try LogCrashRun(seed: seed, isLogged: true)
            // All in one segment, and nothing of it in the engine.
            try run.commitSynced(generator.within(3...12))
            let last = run.lastRecord
            let bit = generator.below(last * 8)
            run.files.edit(run.newestFile) { $0[bit / 8] ^= 1 << (bit % 8) }
            do {
                try run.reopen()
                // The head record, or the zeros between two records.
                #expect(try run.holdsAll(), "seed \(seed): bit \(bit) took something, and no error")
            } catch let error as EngineError {
                #expect(error.code == .damaged && error.detail.contains("restore"), "seed \(seed): \(error)")
                refused += 1
            }
        }
        #expect(refused > Self.seeds * 8 / 10, "\(refused) of \(Self.seeds) refused")
    }

    @Test("a flipped bit in the last record is a torn tail: what was before it is there")
    func tornTail() throws {
        for seed in 0..<Self.seeds {
            var generator = SeededGenerator(seed: seed)
            var run = try LogCrashRun(seed: seed, isLogged: true)
            try run.commitSynced(generator.within(3...12))
            let start = run.lastRecord
            let bit = start * 8 + generator.below(32 * 8)
            run.files.edit(run.newestFile) { $0[bit / 8] ^= 1 << (bit % 8) }
            try run.reopen()
            #expect(try run.holdsAllButLast(), "seed \(seed)")
        }
    }
}
