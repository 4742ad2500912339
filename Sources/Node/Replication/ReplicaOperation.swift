import Placement

/// A storage operation that this node does as a replica, and whom its outcome is told.
enum ReplicaOperation {
    case fetch(for: MemberID, Correlation)
    case merge(for: MemberID, Correlation)
    /// Read repair of the own copy: nobody waits.
    case repair
}
