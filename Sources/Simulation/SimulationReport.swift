/// What became of a run.
public struct SimulationReport: Sendable {
    public let seed: UInt64
    public let options: SimulationOptions
    public let nodes: Int
    public let clients: Int
    /// The first truth that was broken; nil for a run that kept all.
    public let violation: Violation?
    /// Of every event and effect, in order: the same seed and options give the same hash.
    public let transcriptHash: UInt64
    public let transcript: [String]
    /// Requests that clients made, and writes among them that were acknowledged.
    public let operations: Int
    public let acknowledgedWrites: Int
    /// Acknowledged writes that are gone because every replica that had them lost what it held.
    public let permittedLosses: Int
    /// How often each kind of fault happened.
    public let faults: [(kind: FaultKind, count: Int)]
    /// The kinds of fault in the seed's plan, and how many single faults, skipped ones included.
    public let plannedKinds: [FaultKind]
    public let plannedFaults: Int
    /// Gets that were shown one version, two, three, and four or more (Dynamo §6.3).
    public let versionsSeen: [Int]
    /// From the end of all faults until all replicas were equal, to within five seconds; nil if they were not before
    /// clients came back.
    public let millisecondsToConverge: UInt64?
    /// The most that any node kept at a time: requests, operations for others, deadlines.
    public let largestTables: [Int]
    public let events: Int
    public let simulatedMilliseconds: UInt64
    /// Of these, how long clients worked and faults happened.
    public let workingMilliseconds: UInt64
    /// How often the planted bug showed where checkers are on trial.
    let strikes: Int

    public var passed: Bool { violation == nil }
}

extension SimulationReport: CustomStringConvertible {
    public var description: String {
        let faults = faults.filter { $0.count > 0 }.map { "\($0.kind.rawValue) \($0.count)" }.joined(separator: ", ")
        let outcome = violation.map { "\($0)" } ?? "all truths kept"
        let options = "\(options)"
        return
            "seed \(seed)\(options.isEmpty ? "" : " \(options)"): \(nodes) nodes, \(clients) clients,"
            + " \(operations) operations, \(events) events in \(simulatedMilliseconds) ms;"
            + " faults: \(faults.isEmpty ? "none" : faults); \(outcome)"
    }
}
