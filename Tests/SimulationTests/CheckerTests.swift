import Testing

@testable import Simulation

/// A checker that cannot fail is worth nothing: here the cluster is made to lie, and each lie must be found out.
@Suite struct CheckerTests {
    @Test("every lie is found out within a few seeds", arguments: Mischief.allCases)
    func lies(_ mischief: Mischief) {
        var found: [Violation.Truth: Int] = [:]
        var first: UInt64?
        var told = 0
        var options = SimulationOptions()
        options.mischief = mischief
        if mischief == .keepIncarnation {
            // Only a mint whose commit a crash took away, and which the key's next mint follows at once, tells.
            options.faults = [.powerFailure, .slowDisk, .oneWayPartition]
            options.operations = 300
        }
        if mischief == .confirmOldCopy {
            options.faults = [.restart, .oldCopy]
            options.operations = 300
        }
        let seeds: UInt64 = mischief == .keepIncarnation || mischief == .confirmOldCopy ? 300 : 60
        for seed in 0..<seeds {
            let report = Simulator.run(seed: seed, options: options)
            told += report.liesTold
            guard let violation = report.violation else { continue }
            first = first ?? seed
            found[violation.truth, default: 0] += 1
        }
        let truths = Violation.Truth.allCases.compactMap { truth in found[truth].map { "\(truth) \($0)" } }
        print("\(mischief): \(told) lies, first found at seed \(first.map { "\($0)" } ?? "-"): \(truths)")
        #expect(told > 0, "\(mischief) never happened")
        #expect(first != nil, "\(seeds) seeds with \(told) lies of \(mischief), and no checker noticed")
    }
}
