/// What a node has done since it started.
public struct NodeStatistics: Sendable, Equatable {
    public var gets = 0
    public var puts = 0
    public var deletes = 0
    /// Requests that ended with a failure, by what their client could conclude.
    public var refused = 0
    public var unavailable = 0
    public var outcomesUnknown = 0
    /// Gets that returned one version, two, three, and four or more (Dynamo §6.3).
    public var versionsReturned = [0, 0, 0, 0]
    public var forwards = 0
    public var repeatedForwards = 0
    /// Coordinators that could not mint, so that the next holder was asked.
    public var passedOver = 0
    public var hedges = 0
    public var readRepairs = 0
    /// Writes kept for holders that could not be reached, and delivered to them since (Dynamo §4.6).
    public var hintsKept = 0
    public var hintsDelivered = 0
    /// Writes coordinated as a stand-in, as no holder could be reached.
    public var standInMints = 0
    /// Trees whose root was not that of another holder's, and keys that were found to differ and given to this node, or
    /// by it (Dynamo §4.7).
    public var treesDifferent = 0
    /// Comparisons of single trees that came to nothing.
    public var treeExchangesFailed = 0
    public var keysPulled = 0
    public var keysPushed = 0
    /// Replicas' versions refused because of their stamp.
    public var stampsRefused = 0
    /// Peers that knew a later start of this node than it did itself.
    public var startConflicts = 0

    public init() {}

    mutating func count(_ failure: RequestFailure) {
        switch failure.consequence {
        case .refused: refused += 1
        case .unavailable: unavailable += 1
        case .outcomeUnknown: outcomesUnknown += 1
        }
    }
}
