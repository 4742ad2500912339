import Foundation
import Testing

@testable import Simulation

/// `ROTOR_SEEDS=10000` and `ROTOR_FIRST_SEED=5000` choose others than the usual ones; `ROTOR_FAULTS=wipe,oldCopy` and
/// `ROTOR_NODES=4` how they go, `ROTOR_BUG=lostDeadline` what is wrong with them.
enum Seeds {
    static let count = number("ROTOR_SEEDS") ?? 1000
    static let first = UInt64(number("ROTOR_FIRST_SEED") ?? 0)

    static let options: SimulationOptions = {
        var options = SimulationOptions()
        options.nodes = number("ROTOR_NODES")
        options.bug = ProcessInfo.processInfo.environment["ROTOR_BUG"].flatMap { PlantedBug(rawValue: $0) }
        options.faults = ProcessInfo.processInfo.environment["ROTOR_FAULTS"].map { names in
            names.split(separator: ",").compactMap { FaultKind(rawValue: String($0)) }
        }
        return options
    }()

    private static func number(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }
}

@Suite struct SeedTests {
    /// In eight parts, which run beside each other.
    @Test("every seed keeps all truths", arguments: UInt64(0)..<8)
    func seeds(_ part: UInt64) {
        var total = SwarmTotal()
        for seed in stride(from: Seeds.first + part, to: Seeds.first + UInt64(Seeds.count), by: 8) {
            let report = Simulator.run(seed: seed, options: Seeds.options)
            total.add(report)
            if !report.passed { Issue.record("\(report)") }
        }
        print(total)
    }
}

/// What many seeds came to together.
struct SwarmTotal: CustomStringConvertible {
    private var seeds = 0
    private var failed = 0
    private var operations = 0
    private var acknowledged = 0
    private var events = 0
    private var milliseconds: UInt64 = 0
    private var permittedLosses = 0
    private var versionsSeen = [0, 0, 0, 0]
    private var faults = [Int](repeating: 0, count: FaultKind.allCases.count)
    private var violations: [Violation.Truth: Int] = [:]

    mutating func add(_ report: SimulationReport) {
        seeds += 1
        operations += report.operations
        acknowledged += report.acknowledgedWrites
        events += report.events
        milliseconds += report.simulatedMilliseconds
        permittedLosses += report.permittedLosses
        for index in versionsSeen.indices { versionsSeen[index] += report.versionsSeen[index] }
        for (index, fault) in report.faults.enumerated() { faults[index] += fault.count }
        if let violation = report.violation {
            failed += 1
            violations[violation.truth, default: 0] += 1
        }
    }

    var description: String {
        let faults = zip(FaultKind.allCases, faults).map { "\($0.rawValue) \($1)" }.joined(separator: ", ")
        let broken = Violation.Truth.allCases.compactMap { truth in
            violations[truth].map { "\n  broken: \(truth.rawValue): \($0) seeds" }
        }
        return """
            \(seeds) seeds, \(failed) failed: \(operations) operations, \(acknowledged) acknowledged writes, \
            \(permittedLosses) permitted losses, \(events) events, \(milliseconds / 1000) simulated seconds; \
            versions seen by reads: \(versionsSeen); faults: \(faults)\(broken.joined())
            """
    }
}
