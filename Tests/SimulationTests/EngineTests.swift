import Engines
import Foundation
import Testing

@testable import Simulation

/// Real engines under simulated nodes.
@Suite struct EngineTests {
    @Test("clusters on a real engine keep all truths", arguments: [EngineKind.lmdb, .bdb, .sqlite])
    func real(_ kind: EngineKind) {
        var options = SimulationOptions()
        options.engine = kind
        options.operations = 60
        for seed in UInt64(0)..<3 {
            let report = Simulator.run(seed: seed, options: options)
            #expect(report.passed, "\(report)")
            #expect(report.acknowledgedWrites > 0, "\(report)")
        }
    }

    @Test("a real engine changes nothing in what a seed does, run after run")
    func repeats() {
        var options = SimulationOptions()
        options.engine = .lmdb
        options.operations = 30
        let first = Simulator.run(seed: 7, options: options)
        #expect(first.transcriptHash == Simulator.run(seed: 7, options: options).transcriptHash)
    }
}
