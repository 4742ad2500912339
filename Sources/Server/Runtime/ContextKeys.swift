import Node
import Placement
import Versions

/// The key that the cluster seals contexts with: the same on all its nodes.
enum ContextKeys {
    /// From the configured secret, or, without one, from the cluster's id, which is no secret: then the seal guards
    /// against mistakes only, such as a context of another cluster or key.
    static func key(secret: ClusterSecret?, cluster: ClusterID) -> ContextKey {
        let hash = ObjectKey(
            type: "rotor context key", bucket: cluster.description,
            key: secret.map { "secret \($0.text)" } ?? "founding"
        ).hash128
        return ContextKey(hash.low, hash.high)
    }
}
