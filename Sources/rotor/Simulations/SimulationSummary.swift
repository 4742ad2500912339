import Simulation

/// What many runs came to, for people and for programs.
struct SimulationSummary: Encodable {
    struct Failure: Encodable {
        let seed: UInt64
        let violation: String
    }

    private(set) var seeds = 0
    private(set) var failures: [Failure] = []
    private(set) var operations = 0
    private(set) var acknowledgedWrites = 0
    private(set) var permittedLosses = 0
    /// The longest that a run took, faults being over, until its replicas were equal.
    private(set) var longestToConvergeSeconds = 0.0
    private(set) var events = 0
    private(set) var simulatedSeconds = 0.0
    /// By kind: how often it happened.
    private(set) var faults: [String: Int] = [:]
    /// Gets that were shown one version, two, three, and four or more (Dynamo §6.3).
    private(set) var versionsSeen = [0, 0, 0, 0]
    var seconds = 0.0

    mutating func add(_ report: SimulationReport) {
        seeds += 1
        if let violation = report.violation { failures.append(Failure(seed: report.seed, violation: "\(violation)")) }
        operations += report.operations
        acknowledgedWrites += report.acknowledgedWrites
        permittedLosses += report.permittedLosses
        longestToConvergeSeconds = max(
            longestToConvergeSeconds, Double(report.millisecondsToConverge ?? 0) / 1000)
        events += report.events
        simulatedSeconds += Double(report.simulatedMilliseconds) / 1000
        for (kind, count) in report.faults { faults[kind.rawValue, default: 0] += count }
        for (index, count) in report.versionsSeen.enumerated() { versionsSeen[index] += count }
    }

    var lines: [String] {
        let gets = max(1, versionsSeen.reduce(0, +))
        let shares = zip(["one", "two", "three", "four or more"], versionsSeen).map { name, count in
            "\(name) \((Double(count) / Double(gets)).percent)"
        }
        let kinds = faults.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        var table = TextTable()
        table.add("seeds", "\(seeds), of them \(failures.count) failed")
        table.add(
            "time",
            "\(Int(simulatedSeconds)) s of clusters in \(seconds.tenths) s:"
                + " \(Int((simulatedSeconds / max(seconds, 0.001)).rounded())) s a second")
        table.add(
            "requests", "\(operations), of them \(acknowledgedWrites) acknowledged writes; \(events) events in all")
        table.add("permitted losses", "\(permittedLosses) acknowledged writes went with every replica that had them")
        table.add(
            "replicas equal", "\(longestToConvergeSeconds.tenths) s after the last fault at the latest")
        table.add("versions a get saw", shares.joined(separator: ", "))
        table.add("faults", kinds.isEmpty ? "none" : kinds.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        return table.lines()
    }
}

extension Double {
    fileprivate var percent: String { "\((self * 100_000).rounded() / 1000)%" }
}
