import NIOCore
import Node
import Placement

/// How a node keeps its links to the other members. The defaults suit a local network.
public struct PeerSettings: Sendable {
    public var connectMilliseconds = 3_000
    /// A connection that has not said who it is by then is closed.
    public var handshakeMilliseconds = 5_000
    /// Connections that have not said yet who they are.
    public var maximumStrangers = 64
    /// Something is sent at least that often.
    public var pingMilliseconds = 1_000
    /// A link that has brought nothing for so long is dead.
    public var silenceMilliseconds = 6_000
    /// The wait before a member is dialed again doubles from the first to the last; each is shortened by up to a half,
    /// at random.
    public var firstRetryMilliseconds = 50
    public var lastRetryMilliseconds = 2_000
    /// Messages to a member that takes so little that more than this waits for it are dropped: bytes.
    public var maximumUnsentBytes = 64 << 20

    public init() {}
}

/// A member as the links see it.
struct PeerAddress: Sendable {
    var id: MemberID
    var name: String
    var address: NetworkAddress
}

/// Who this node is to its peers.
struct PeerIdentity: Sendable {
    var cluster: ClusterID
    var member: MemberID
    /// Of this start.
    var session: UInt64
}

/// What the links tell the node. Called on the links' event loop.
protocol PeerReceiver: AnyObject {
    /// Everything that `body` tells belongs to one moment.
    func batch(_ body: () -> Void)
    func linkUp(_ member: MemberID)
    func linkDown(_ member: MemberID)
    func received(_ message: Message, from member: MemberID)
}
