public import NIOCore
public import Placement
public import Versions

/// What a node keeps about itself beside its stores, replaced as a whole, durably, at each change.
public struct NodeRecord: Hashable, Sendable {
    public struct Peer: Hashable, Sendable {
        public var member: MemberID
        public var start: StartRecord

        public init(member: MemberID, start: StartRecord) {
            self.member = member
            self.start = start
        }
    }

    public var member: MemberID
    /// Raised by one at each change.
    public var revision: UInt64
    public var start: StartRecord
    /// False while the start goes on as the incarnation before it and its peers have not confirmed that it may. What
    /// follows such a start is not known to be the latest either, however cleanly it was stopped.
    public var isConfirmed: Bool
    /// No stamp at or above it was ever issued (``HybridClock``).
    public var clockCeiling: HybridTime
    /// The latest start known of each peer, sorted by member.
    public var peers: [Peer]

    /// The record of a node that has never started.
    public init(member: MemberID) {
        self.member = member
        self.revision = 0
        self.start = StartRecord(number: 0, session: 0, incarnation: 0)
        self.isConfirmed = true
        self.clockCeiling = .zero
        self.peers = []
    }

    /// What was recorded of `member`'s starts.
    public func start(of member: MemberID) -> StartRecord? {
        peers.first { $0.member == member }?.start
    }

    mutating func remember(_ start: StartRecord, of member: MemberID) {
        if let index = peers.firstIndex(where: { $0.member >= member }) {
            if peers[index].member == member {
                peers[index].start = start
            } else {
                peers.insert(Peer(member: member, start: start), at: index)
            }
        } else {
            peers.append(Peer(member: member, start: start))
        }
    }
}

extension NodeRecord {
    /// The record for the next start, to be made durable before anything is served.
    ///
    /// - Parameters:
    ///   - stoppedCleanly: The clean-stop marker was there, and has been removed durably. Without it, unsynced writes
    ///     may be gone and with them dots that others have seen: the node is a new incarnation.
    ///   - random: 64 fresh random bits.
    public func started(stoppedCleanly: Bool, random: UInt64) -> NodeRecord {
        var next = self
        next.revision += 1
        next.start.number += 1
        next.start.session = random
        next.isConfirmed = false
        if !stoppedCleanly || !isConfirmed || start.number == 0 {
            next.isConfirmed = true
            next.start.incarnation = Self.incarnation(after: start.incarnation, random: random)
        }
        return next
    }

    /// Incarnations are ordered by their upper half. The lower half is drawn: a restored copy of the data folder that
    /// does not know the incarnations since must not choose the same one again.
    static func incarnation(after previous: UInt64, random: UInt64) -> UInt64 {
        ((previous >> 32) + 1) << 32 | (random & 0xFFFF_FFFF)
    }
}

/// A record that cannot be read: the node must not start on it.
public struct NodeRecordDamaged: Error, Sendable, CustomStringConvertible {
    public var description: String {
        "the node's record is damaged or of a newer format: restore it or remove the whole data folder"
    }
}

extension NodeRecord {
    private static let format: UInt8 = 1
    /// The same of a start that is not confirmed.
    private static let unconfirmedFormat: UInt8 = 2

    public func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(isConfirmed ? Self.format : Self.unconfirmedFormat)
        buffer.writeInteger(member.rawValue)
        buffer.writeInteger(revision)
        Self.write(start, into: &buffer)
        buffer.writeInteger(clockCeiling.rawValue)
        buffer.writeInteger(UInt32(peers.count))
        for peer in peers {
            buffer.writeInteger(peer.member.rawValue)
            Self.write(peer.start, into: &buffer)
        }
        return buffer
    }

    /// Reads what ``encoded()`` wrote. Whoever stores it adds a checksum.
    public init(decoding bytes: ByteBuffer) throws(NodeRecordDamaged) {
        var buffer = bytes
        guard let format = buffer.readInteger(as: UInt8.self), (Self.format...Self.unconfirmedFormat).contains(format),
            let member = buffer.readInteger(as: UInt64.self),
            let revision = buffer.readInteger(as: UInt64.self),
            let start = Self.readStart(from: &buffer),
            let ceiling = buffer.readInteger(as: UInt64.self),
            let count = buffer.readInteger(as: UInt32.self)
        else { throw NodeRecordDamaged() }
        self.init(member: MemberID(rawValue: member))
        self.revision = revision
        self.start = start
        isConfirmed = format == Self.format
        clockCeiling = HybridTime(rawValue: ceiling)
        for _ in 0..<count {
            guard let member = buffer.readInteger(as: UInt64.self), let start = Self.readStart(from: &buffer) else {
                throw NodeRecordDamaged()
            }
            remember(start, of: MemberID(rawValue: member))
        }
        guard buffer.readableBytes == 0 else { throw NodeRecordDamaged() }
    }

    private static func write(_ start: StartRecord, into buffer: inout ByteBuffer) {
        buffer.writeInteger(start.number)
        buffer.writeInteger(start.session)
        buffer.writeInteger(start.incarnation)
    }

    private static func readStart(from buffer: inout ByteBuffer) -> StartRecord? {
        guard let number = buffer.readInteger(as: UInt64.self),
            let session = buffer.readInteger(as: UInt64.self),
            let incarnation = buffer.readInteger(as: UInt64.self)
        else { return nil }
        return StartRecord(number: number, session: session, incarnation: incarnation)
    }
}
