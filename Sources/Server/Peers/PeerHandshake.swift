import NIOCore
import Node
import Placement

/// The versions of the protocol between nodes that this program speaks.
struct PeerProtocolVersions: Hashable {
    var oldest: UInt16
    var newest: UInt16

    static let spoken = PeerProtocolVersions(oldest: 4, newest: 4)

    func includes(_ version: UInt16) -> Bool { version >= oldest && version <= newest }

    /// The newest that both speak.
    func common(with other: PeerProtocolVersions) -> UInt16? {
        let version = min(newest, other.newest)
        return version >= max(oldest, other.oldest) ? version : nil
    }
}

/// The first frame of whoever dialed. Later versions may append to it.
struct PeerHello: Hashable {
    var versions: PeerProtocolVersions
    var cluster: ClusterID
    var sender: MemberID
    /// Whom the sender takes the other side for.
    var receiver: MemberID
    /// Of the sender's start: tells a new process from a new connection of the same one.
    var session: UInt64

    /// `rotor`, a line end and a byte that no text has.
    private static let magic: UInt64 = 0x726F_746F_720D_0A1A

    func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(Self.magic, versions.oldest, versions.newest)
        buffer.writeMultipleIntegers(cluster.hash.high, cluster.hash.low)
        buffer.writeMultipleIntegers(sender.rawValue, receiver.rawValue, session)
    }

    init(
        versions: PeerProtocolVersions = .spoken, cluster: ClusterID, sender: MemberID, receiver: MemberID,
        session: UInt64
    ) {
        self.versions = versions
        self.cluster = cluster
        self.sender = sender
        self.receiver = receiver
        self.session = session
    }

    init(from bytes: ByteBuffer) throws(MessageCodingError) {
        var reader = MessageReader(bytes)
        let magic: UInt64 = try reader.integer("magic number")
        guard magic == Self.magic else { throw .impossible("magic number", magic) }
        versions = PeerProtocolVersions(
            oldest: try reader.integer("oldest version"), newest: try reader.integer("newest version"))
        let high: UInt64 = try reader.integer("cluster")
        cluster = ClusterID(hash: KeyHash(high: high, low: try reader.integer("cluster")))
        sender = MemberID(rawValue: try reader.integer("sender"))
        receiver = MemberID(rawValue: try reader.integer("receiver"))
        session = try reader.integer("session")
    }
}

/// The answer to a hello that was accepted: the link is up on both sides.
struct PeerWelcome: Hashable {
    var version: UInt16
    var session: UInt64

    func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(version, session)
    }

    init(version: UInt16, session: UInt64) {
        self.version = version
        self.session = session
    }

    init(from bytes: ByteBuffer) throws(MessageCodingError) {
        var reader = MessageReader(bytes)
        version = try reader.integer("version")
        session = try reader.integer("session")
    }
}

/// The answer to a hello that was not; the connection is closed behind it.
struct PeerRefusal: Hashable, CustomStringConvertible {
    enum Reason: UInt8 {
        case version = 1
        case cluster = 2
        case unknownMember = 3
        case wrongReceiver = 4
        /// The other side keeps, or is about to have, a connection that it dialed itself. Nothing is wrong.
        case linkedAlready = 5
    }

    var reason: Reason
    /// For the log of who was refused.
    var description: String

    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(reason.rawValue)
        buffer.writeText(description)
    }

    init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }

    init(from bytes: ByteBuffer) throws(MessageCodingError) {
        var reader = MessageReader(bytes)
        let number: UInt8 = try reader.integer("reason")
        guard let reason = Reason(rawValue: number) else { throw .impossible("reason", UInt64(number)) }
        self.reason = reason
        description = try reader.text("reason")
    }
}
