import Foundation
import Testing

@testable import Simulation

@Suite struct SpeedTests {
    /// `ROTOR_SPEED=16` says how many clients; a figure to look at, nothing that fails.
    @Test(
        "five nodes under load: simulated seconds a real second",
        .enabled(if: ProcessInfo.processInfo.environment["ROTOR_SPEED"] != nil, "ROTOR_SPEED names no number"))
    func speed() throws {
        let clients = try #require(ProcessInfo.processInfo.environment["ROTOR_SPEED"].flatMap { Int($0) })
        var options = SimulationOptions()
        options.nodes = 5
        options.clients = clients
        options.minutes = 2
        options.workloads = WorkloadKind.allCases
        let begin = ContinuousClock.now
        var simulated: UInt64 = 0
        var events = 0
        var requests = 0
        for seed in UInt64(0)..<5 {
            let report = Simulator.run(seed: seed, options: options)
            #expect(report.passed, "\(report)")
            simulated += report.workingMilliseconds
            events += report.events
            requests += report.operations
        }
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        print(
            "\(clients) clients: \(Int(Double(simulated) / 1000 / seconds)) simulated seconds a second,"
                + " \(Int(Double(events) / seconds)) events a second, \(requests * 1000 / Int(simulated)) requests a"
                + " simulated second, \(seconds) s")
    }
}
