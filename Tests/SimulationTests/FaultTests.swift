import Testing

@testable import Simulation

@Suite struct FaultTests {
    @Test("each kind of fault alone happens and breaks no truth", arguments: FaultKind.allCases)
    func alone(_ kind: FaultKind) {
        var happened = 0
        var options = SimulationOptions()
        options.faults = [kind]
        for seed in UInt64(0)..<4 {
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
        for seed in UInt64(0)..<10 {
            let report = Simulator.run(seed: seed, options: options)
            #expect(report.passed, "\(report)")
        }
    }

    @Test("in fair weather no request fails and nothing is lost")
    func fairWeather() {
        var options = SimulationOptions()
        options.faults = []
        options.nodes = 3
        for seed in UInt64(0)..<10 {
            let report = Simulator.run(seed: seed, options: options)
            #expect(report.passed, "\(report)")
            #expect(report.permittedLosses == 0, "seed \(seed): \(report.permittedLosses) writes lost")
            #expect(report.acknowledgedWrites >= 10, "seed \(seed): \(report.acknowledgedWrites) writes acknowledged")
        }
    }
}

@Suite struct WorkloadTests {
    @Test("each kind of workload alone, under faults, breaks no truth", arguments: WorkloadKind.allCases)
    func alone(_ kind: WorkloadKind) {
        var acknowledged = 0
        var options = SimulationOptions()
        options.workloads = [kind]
        for seed in UInt64(0)..<4 {
            let report = Simulator.run(seed: seed, options: options)
            #expect(report.passed, "\(report)")
            acknowledged += report.acknowledgedWrites
        }
        #expect(acknowledged > 25, "\(kind): \(acknowledged) writes acknowledged")
    }

    @Test("a long run with many clients breaks no truth, and its tables stay small")
    func long() {
        var options = SimulationOptions()
        options.nodes = 5
        options.clients = 12
        options.minutes = 1
        let report = Simulator.run(seed: 3, options: options)
        #expect(report.passed, "\(report)")
        #expect(report.workingMilliseconds == 60_000)
        #expect(report.operations > 1000, "\(report)")
        #expect(report.largestTables[0] > 0 && report.largestTables[0] < 200, "\(report.largestTables)")
    }
}
