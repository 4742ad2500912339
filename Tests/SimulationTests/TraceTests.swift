import Foundation
import Testing

@testable import Simulation

@Suite struct TraceTests {
    /// `ROTOR_TRACE=4711` prints the run of that seed, line by line; the other variables of ``Seeds`` count too.
    @Test(
        "a seed's transcript can be read",
        .enabled(if: ProcessInfo.processInfo.environment["ROTOR_TRACE"] != nil, "ROTOR_TRACE names no seed"))
    func trace() throws {
        let seed = try #require(ProcessInfo.processInfo.environment["ROTOR_TRACE"].flatMap { UInt64($0) })
        var options = Seeds.options
        options.keepsTranscript = true
        let report = Simulator.run(seed: seed, options: options)
        for line in report.transcript { print(line) }
        print(report)
    }
}
