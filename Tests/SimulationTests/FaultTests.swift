import Testing

@testable import Simulation

@Suite struct FaultTests {
    @Test("each kind of fault alone happens and breaks no truth", arguments: FaultKind.allCases)
    func alone(_ kind: FaultKind) {
        var happened = 0
        var options = SimulationOptions()
        options.faults = [kind]
        for seed in UInt64(0)..<12 {
            let report = Simulator.run(seed: seed, options: options)
            happened += report.faults.reduce(0) { $0 + ($1.kind == kind ? $1.count : 0) }
            #expect(report.passed, "\(report)")
        }
        #expect(happened > 0, "\(kind) never happened")
    }

    @Test("all kinds of fault together break no truth")
    func together() {
        var options = SimulationOptions()
        options.faults = FaultKind.allCases
        for seed in UInt64(0)..<20 {
            let report = Simulator.run(seed: seed, options: options)
            #expect(report.passed, "\(report)")
        }
    }

    @Test("in fair weather no request fails and nothing is lost")
    func fairWeather() {
        var options = SimulationOptions()
        options.faults = []
        options.nodes = 3
        for seed in UInt64(0)..<20 {
            let report = Simulator.run(seed: seed, options: options)
            #expect(report.passed, "\(report)")
            #expect(report.permittedLosses == 0, "seed \(seed): \(report.permittedLosses) writes lost")
            #expect(report.acknowledgedWrites > 20, "seed \(seed): \(report.acknowledgedWrites) writes acknowledged")
        }
    }
}
