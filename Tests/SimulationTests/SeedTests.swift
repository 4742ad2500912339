import Testing

@testable import Simulation

@Suite struct SeedTests {
    @Test("every seed keeps all truths")
    func seeds() {
        for seed in UInt64(0)..<50 {
            let report = Simulator.run(seed: seed)
            #expect(report.passed, "\(report)")
        }
    }
}
