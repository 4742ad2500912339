import Node

/// Whether a node may serve reads and mint writes, for whoever sends clients to it.
///
/// It answers for itself as clients meet it: a store that has ended is enough to send them elsewhere, though the node
/// goes on to coordinate what it is asked. The store of hints is none of that: without it the node only stands in for
/// nobody.
enum Readiness {
    /// A line for each reason against it.
    ///
    /// - Parameters:
    ///   - figures: Nil where the event loop is gone.
    ///   - stores: Those of bucket types.
    ///   - replicas: How many the cluster has of a partition at present.
    static func lacking(
        _ figures: NodeDriver.Figures?, stores: [StorePulse], bucketTypes: [BucketType], replicas: Int
    ) -> [String] {
        guard let figures, !figures.isStopped else { return ["stopped: the node does nothing any more"] }
        var lines: [String] = []
        if figures.isStopping {
            lines.append("stopping: the node finishes what it has begun")
        } else if !figures.isConfirmed {
            lines.append("not confirmed: the other members have not said yet that this is no old copy of the node")
        } else if !figures.isReady {
            lines.append("no stamps reserved: the node's record cannot be written, its log says why")
        }
        for store in stores {
            guard let reason = store.endedBy else { continue }
            let line = reason.replacing("\n", with: " ")
            lines.append("store \(store.name) has ended: \(line); mend the disk and restart this node")
        }
        if let line = membersLacking(figures.peers, bucketTypes, replicas) { lines.append(line) }
        return lines
    }

    /// Of the usual R and W; a request that asks for fewer may still be served.
    private static func membersLacking(_ peers: [PeerView], _ bucketTypes: [BucketType], _ replicas: Int) -> String? {
        let reachable = 1 + peers.count { $0.isReachable }
        let needed = bucketTypes.map { type in
            let n = min(type.n, replicas)
            return max(type.r.resolved(for: n), type.w.resolved(for: n))
        }
        guard let least = needed.min(), least > reachable else { return nil }
        return "too few members: \(reachable) of \(peers.count + 1) can be reached, this node among them, and every"
            + " bucket type needs \(least) or more"
    }
}
