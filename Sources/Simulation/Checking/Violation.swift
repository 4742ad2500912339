/// A truth that a run broke.
public struct Violation: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Truth: String, Sendable, CaseIterable {
        case noDotTwice = "no dot is minted twice"
        case noWriteTwice = "no write is minted twice"
        case noWriteInvented = "every version was written by somebody, as it is"
        case contextExact = "a context covers what its client had seen, and nothing else"
        case siblingsExact = "siblings are the writes that no later write had seen, and all of them"
        case deletedStays = "what was deleted does not come back"
        case noWriteLost = "no stored write is lost without a loss of what held it"
        case hintKept = "a hint is deleted only when its holder has it durably, and delivered in the end"
        case quorumKept = "a write is acknowledged by as many replicas as promised"
        case durabilityKept = "a write is durable on as many replicas as promised"
        case readCurrent = "a read says what R replicas can have said that hold what they had before it"
        case refusedNotDone = "what was refused did not happen"
        case answeredInTime = "every request is answered once, by its deadline"
        case convergence = "after the faults the replicas become equal, without a client's help"
        case treesTrue = "a tree says what its store holds"
        case recovery = "after the faults everything works again"
        case bounded = "what a node keeps is bounded, and gone when all is answered"
        case historyKept = "what clients were told of their writes still holds at the end"
        case order = "a version's stamp is later than those of what its writer had seen"
        case conditionKept = "a conditional put is done only where its condition holds"
        case stampCurrent = "where the last write wins, no write is stamped behind its coordinator's clock"
    }

    public let truth: Truth
    /// `type/bucket/key`; nil where it is not about one key.
    public let key: String?
    public let detail: String
    /// Milliseconds since the run began.
    public let milliseconds: UInt64
    /// What clients did to the key, as far as it matters, one line each.
    public let history: [String]

    public var description: String {
        let place = key.map { " (\($0))" } ?? ""
        let lines = history.map { "\n    \($0)" }.joined()
        return "at \(milliseconds) ms: \(truth.rawValue)\(place): \(detail)\(lines)"
    }
}
