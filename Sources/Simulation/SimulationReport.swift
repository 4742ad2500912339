/// What became of a run.
public struct SimulationReport: Sendable {
    public let seed: UInt64
    public let nodes: Int
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
    /// Gets that were shown one version, two, three, and four or more (Dynamo §6.3).
    public let versionsSeen: [Int]
    public let events: Int
    public let simulatedMilliseconds: UInt64
    /// Lies told where checkers are on trial.
    let liesTold: Int

    public var passed: Bool { violation == nil }
}

extension SimulationReport: CustomStringConvertible {
    public var description: String {
        let faults = faults.filter { $0.count > 0 }.map { "\($0.kind.rawValue) \($0.count)" }.joined(separator: ", ")
        let outcome = violation.map { "\($0)" } ?? "all truths kept"
        return
            "seed \(seed): \(nodes) nodes, \(operations) operations, \(events) events in \(simulatedMilliseconds) ms;"
            + " faults: \(faults.isEmpty ? "none" : faults); \(outcome)"
    }
}
