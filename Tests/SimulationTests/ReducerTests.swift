import Testing

@testable import Simulation

@Suite struct ReducerTests {
    @Test("a failing seed is reduced to few faults, clients and requests, and still breaks the same truth")
    func reduces() throws {
        var options = SimulationOptions()
        options.bug = .backupKeepsIncarnation
        let seed = try #require((UInt64(0)..<200).first { !Simulator.run(seed: $0, options: options).passed })
        let first = Simulator.run(seed: seed, options: options)
        let reduced = try #require(Simulator.reduce(seed: seed, options: options, maximumRuns: 150))
        #expect(reduced.report.violation?.truth == first.violation?.truth)
        let faults = reduced.report.plannedFaults - reduced.report.options.skippedFaults.count
        print("seed \(seed): \(first.plannedFaults) faults, \(first.operations) requests, reduced to \(reduced)")
        #expect(faults <= 5 && faults < first.plannedFaults, "\(reduced)")
        #expect(reduced.report.operations < first.operations)
        let again = Simulator.run(seed: seed, options: reduced.report.options)
        #expect(again.transcriptHash == reduced.report.transcriptHash, "its options are the whole case")
    }

    @Test("a seed that keeps all truths reduces to nothing")
    func nothing() {
        #expect(Simulator.reduce(seed: 0) == nil)
    }

    @Test("naming the kinds of fault that a seed has drawn, or all of its faults, changes nothing")
    func named() {
        for seed in UInt64(0)..<10 {
            let drawn = Simulator.run(seed: seed)
            var options = SimulationOptions()
            options.faults = drawn.plannedKinds
            #expect(Simulator.run(seed: seed, options: options).transcriptHash == drawn.transcriptHash, "seed \(seed)")
        }
    }
}
