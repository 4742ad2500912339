import Placement

/// A storage operation that this node does as a replica, and whom its outcome is told.
enum ReplicaOperation {
    case fetch(for: MemberID, Correlation)
    /// As a holder, or as a stand-in for one.
    case merge(for: MemberID, Correlation, standingInFor: MemberID?)
    /// Read repair of the own copy: nobody waits.
    case repair
}
