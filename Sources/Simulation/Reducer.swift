/// A failing run made small: what it does without still breaks the same truth.
public struct ReducedCase: Sendable, CustomStringConvertible {
    /// With its readable transcript.
    public let report: SimulationReport
    /// Runs that it took.
    public let runs: Int

    public var description: String {
        "\(report)\nreduced in \(runs) runs to \(report.plannedFaults - report.options.skippedFaults.count) faults"
            + " and \(report.clients - report.options.skippedClients.count) clients;"
            + " it is seed \(report.seed) with \(report.options)"
    }
}

extension Simulator {
    /// Looks for the least that makes a seed break the same truth: kinds of fault, single faults, clients, requests.
    ///
    /// - Parameter maximumRuns: How often the run may be repeated for it.
    /// - Returns: Nil if the run breaks no truth.
    public static func reduce(
        seed: UInt64, options: SimulationOptions = SimulationOptions(), maximumRuns: Int = 500
    ) -> ReducedCase? {
        let first = run(seed: seed, options: options)
        guard let truth = first.violation?.truth else { return nil }
        var reducer = Reducer(seed: seed, truth: truth, options: options, runsLeft: maximumRuns)
        reducer.reduce(first)
        var final = reducer.options
        final.keepsTranscript = true
        return ReducedCase(report: run(seed: seed, options: final), runs: maximumRuns - reducer.runsLeft)
    }
}

private struct Reducer {
    let seed: UInt64
    let truth: Violation.Truth
    var options: SimulationOptions
    var runsLeft: Int

    /// Keeps a change if the same truth is broken with it.
    private mutating func keep(_ change: (inout SimulationOptions) -> Void) -> Bool {
        guard runsLeft > 0 else { return false }
        runsLeft -= 1
        var changed = options
        change(&changed)
        guard Simulator.run(seed: seed, options: changed).violation?.truth == truth else { return false }
        options = changed
        return true
    }

    mutating func reduce(_ first: SimulationReport) {
        // Named, the kinds that the seed has drawn are the same run.
        var kinds = options.faults ?? first.plannedKinds
        dropKinds(&kinds)
        if keep({ $0.operations = max(1, first.operations / 2) }) { lessenOperations(first.operations / 2) }
        dropKinds(&kinds)
        let planned = Simulator.run(seed: seed, options: options).plannedFaults
        drop(Array(0..<planned)) { options, faults in options.skippedFaults += faults }
        drop(Array(0..<first.clients)) { options, clients in options.skippedClients += clients }
        options.skippedFaults.sort()
        options.skippedClients.sort()
    }

    private mutating func dropKinds(_ kinds: inout [FaultKind]) {
        for kind in kinds {
            let fewer = kinds.filter { $0 != kind }
            if keep({ $0.faults = fewer }) { kinds = fewer }
        }
    }

    private mutating func lessenOperations(_ operations: Int) {
        var operations = operations
        while operations > 1, keep({ $0.operations = operations / 2 }) { operations /= 2 }
        while operations > 1, keep({ $0.operations = operations * 3 / 4 }) { operations = operations * 3 / 4 }
    }

    /// Drops as many of `parts` as can be, in pieces that get smaller (Zeller's ddmin).
    private mutating func drop(_ parts: [Int], _ skip: (inout SimulationOptions, [Int]) -> Void) {
        var left = parts
        var size = left.count
        while size >= 1 {
            var index = 0
            while index < left.count {
                let piece = Array(left[index..<min(index + size, left.count)])
                if keep({ skip(&$0, piece) }) {
                    left.removeSubrange(index..<index + piece.count)
                } else {
                    index += piece.count
                }
            }
            size /= 2
        }
    }
}
