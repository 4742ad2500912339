/// What whoever watches the node may see of it, beside its statistics.
extension StorageNode {
    public var peerViews: [PeerView] { peers.views }

    /// Whether its start is known to be the latest: the other members have confirmed it, or it goes on as a new
    /// incarnation.
    public var isConfirmed: Bool { starts.isReady }

    public var isStopping: Bool { isDraining }
}
