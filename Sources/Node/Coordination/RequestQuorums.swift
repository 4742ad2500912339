/// A request's numbers, resolved against its bucket type and the cluster as it is.
///
/// A cluster with fewer members than N counts as one whose N is their number; what clients or types ask beyond that,
/// but within the type's n, is capped there.
struct RequestQuorums {
    let n: Int

    /// - Parameter replicas: The type's n, or the number of members where that is smaller.
    init(replicas: Int) {
        n = replicas
    }

    /// - Throws: ``RequestFailure/quorumAboveN(_:asked:n:)``
    func resolve(
        _ kind: QuorumKind, asked: Quorum?, default standard: Quorum, type: BucketType, atLeast least: Int
    ) throws(RequestFailure) -> Int {
        if case .count(let count)? = asked, count > type.n || count < 0 {
            throw .quorumAboveN(kind, asked: count, n: type.n)
        }
        return min(n, max(least, (asked ?? standard).resolved(for: n)))
    }
}
