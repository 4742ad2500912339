public import Placement

/// How this node sees another member, for whoever watches the node. Nobody agrees on it with anybody (Dynamo §4.8.3).
public struct PeerView: Sendable, Equatable {
    public let member: MemberID
    public let isLinked: Bool
    /// Down where there is no link.
    public let condition: PeerCondition

    /// Whether requests are sent to it at all.
    public var isReachable: Bool { isLinked && condition != .down }
}

extension PeerTable {
    /// All members but this node, in order.
    var views: [PeerView] {
        members.indices.filter { members[$0] != me }.map {
            PeerView(member: members[$0], isLinked: peers[$0].isLinked, condition: peers[$0].condition)
        }
    }
}
