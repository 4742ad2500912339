public import NIOCore
import Placement

/// Bytes that are no gossip item.
public struct GossipItemDamaged: Error, Sendable, CustomStringConvertible {
    public let description = "an item of gossip cannot be read: it is damaged, or of a newer version"
}

/// One form on disk and between nodes: every item has one encoding.
extension GossipItem {
    public func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(key.kind.rawValue)
        switch self {
        case .member(let record):
            buffer.writeMultipleIntegers(
                record.member.rawValue, record.start, record.sequence, record.incarnation)
            buffer.write(record.name)
            buffer.write(record.address)
            buffer.writeInteger(UInt16(record.stores.count))
            for store in record.stores { buffer.write(store) }
        case .change(let change):
            buffer.write(change.id)
            buffer.write(change.act)
        }
        return buffer
    }

    public init(decoding bytes: ByteBuffer) throws(GossipItemDamaged) {
        var reader = GossipReader(buffer: bytes)
        switch Key.Kind(rawValue: try reader.integer()) {
        case .member:
            let member = MemberID(rawValue: try reader.integer())
            let start: UInt64 = try reader.integer()
            let sequence: UInt32 = try reader.integer()
            let incarnation: UInt64 = try reader.integer()
            let name = try reader.text()
            let address = try reader.text()
            var stores: [String] = []
            for _ in 0..<(try reader.integer() as UInt16) { stores.append(try reader.text()) }
            self = .member(
                MemberRecord(
                    member: member, name: name, start: start, sequence: sequence, incarnation: incarnation,
                    address: address, stores: stores))
        case .change: self = .change(MembershipChange(id: try reader.changeID(), act: try reader.act()))
        case nil: throw GossipItemDamaged()
        }
        // One encoding an item: what is sorted here was sorted there, and nothing follows.
        guard reader.buffer.readableBytes == 0, encoded() == bytes else { throw GossipItemDamaged() }
    }
}

extension Gossip {
    public func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        switch self {
        case .root(let root): buffer.writeMultipleIntegers(UInt8(1), root)
        case .buckets(let sums):
            buffer.writeMultipleIntegers(UInt8(2), UInt16(sums.count))
            for sum in sums { buffer.writeInteger(sum) }
        case .names(let buckets, let names):
            buffer.writeMultipleIntegers(UInt8(3), UInt16(buckets.count))
            buffer.writeBytes(buckets)
            buffer.writeInteger(UInt32(names.count))
            for name in names {
                buffer.write(name.key)
                buffer.writeInteger(name.hash)
            }
        case .items(let items, let wanted):
            buffer.writeMultipleIntegers(UInt8(4), UInt32(items.count))
            for item in items {
                let bytes = item.encoded()
                buffer.writeInteger(UInt32(bytes.readableBytes))
                buffer.writeImmutableBuffer(bytes)
            }
            buffer.writeInteger(UInt32(wanted.count))
            for key in wanted { buffer.write(key) }
        }
        return buffer
    }

    public init(decoding bytes: ByteBuffer) throws(GossipItemDamaged) {
        var reader = GossipReader(buffer: bytes)
        let tag: UInt8 = try reader.integer()
        switch tag {
        case 1: self = .root(try reader.integer())
        case 2:
            var sums: [UInt64] = []
            for _ in 0..<(try reader.integer() as UInt16) { sums.append(try reader.integer()) }
            self = .buckets(sums)
        case 3:
            var buckets: [UInt8] = []
            for _ in 0..<(try reader.integer() as UInt16) { buckets.append(try reader.integer()) }
            var names: [Name] = []
            for _ in 0..<(try reader.integer() as UInt32) {
                names.append(Name(key: try reader.key(), hash: try reader.integer()))
            }
            self = .names(in: buckets, names)
        case 4:
            var items: [GossipItem] = []
            for _ in 0..<(try reader.integer() as UInt32) {
                let length: UInt32 = try reader.integer()
                guard let bytes = reader.buffer.readSlice(length: Int(length)) else { throw GossipItemDamaged() }
                items.append(try GossipItem(decoding: bytes))
            }
            var wanted: [GossipItem.Key] = []
            for _ in 0..<(try reader.integer() as UInt32) { wanted.append(try reader.key()) }
            self = .items(items, wanted: wanted)
        default: throw GossipItemDamaged()
        }
        guard reader.buffer.readableBytes == 0 else { throw GossipItemDamaged() }
    }
}

extension ByteBuffer {
    fileprivate mutating func write(_ key: GossipItem.Key) {
        writeMultipleIntegers(key.kind.rawValue, key.high, key.low)
    }

    fileprivate mutating func write(_ text: String) {
        writeInteger(UInt16(clamping: text.utf8.count))
        writeBytes(text.utf8.prefix(Int(UInt16.max)))
    }

    fileprivate mutating func write(_ id: MembershipChange.ID) {
        writeMultipleIntegers(id.stamp, id.place.rawValue)
    }

    fileprivate mutating func write(_ act: MembershipChange.Act) {
        switch act {
        case .join(let member, let name, let zone, let weight):
            writeMultipleIntegers(UInt8(1), member.rawValue, weight.bitPattern)
            write(name)
            write(zone)
        case .leave(let member): writeMultipleIntegers(UInt8(2), member.rawValue)
        case .remove(let member): writeMultipleIntegers(UInt8(3), member.rawValue)
        case .replace(let member, let other):
            writeMultipleIntegers(UInt8(4), member.rawValue, other.rawValue)
        case .weight(let member, let weight): writeMultipleIntegers(UInt8(5), member.rawValue, weight.bitPattern)
        case .zone(let member, let zone):
            writeMultipleIntegers(UInt8(6), member.rawValue)
            write(zone)
        case .commit(let changes): write(7, changes)
        case .abort(let changes): write(8, changes)
        case .left(let member): writeMultipleIntegers(UInt8(9), member.rawValue)
        }
    }

    private mutating func write(_ tag: UInt8, _ changes: [MembershipChange.ID]) {
        writeMultipleIntegers(tag, UInt16(changes.count))
        for change in changes { write(change) }
    }
}

private struct GossipReader {
    var buffer: ByteBuffer

    mutating func integer<Number: FixedWidthInteger>(
        as: Number.Type = Number.self
    ) throws(GossipItemDamaged) -> Number {
        guard let number = buffer.readInteger(as: Number.self) else { throw GossipItemDamaged() }
        return number
    }

    mutating func text() throws(GossipItemDamaged) -> String {
        let length: UInt16 = try integer()
        guard let bytes = buffer.readSlice(length: Int(length)),
            let text = bytes.withUnsafeReadableBytes({ String(validating: $0, as: UTF8.self) })
        else { throw GossipItemDamaged() }
        return text
    }

    mutating func key() throws(GossipItemDamaged) -> GossipItem.Key {
        guard let kind = GossipItem.Key.Kind(rawValue: try integer()) else { throw GossipItemDamaged() }
        return GossipItem.Key(kind: kind, high: try integer(), low: try integer())
    }

    mutating func changeID() throws(GossipItemDamaged) -> MembershipChange.ID {
        MembershipChange.ID(stamp: try integer(), place: try member())
    }

    private mutating func member() throws(GossipItemDamaged) -> MemberID { MemberID(rawValue: try integer()) }

    private mutating func changes() throws(GossipItemDamaged) -> [MembershipChange.ID] {
        var changes: [MembershipChange.ID] = []
        for _ in 0..<(try integer() as UInt16) { changes.append(try changeID()) }
        return changes
    }

    mutating func act() throws(GossipItemDamaged) -> MembershipChange.Act {
        let tag: UInt8 = try integer()
        switch tag {
        case 1:
            let member = try member()
            let weight = Double(bitPattern: try integer())
            let name = try text()
            return .join(member, name: name, zone: try text(), weight: weight)
        case 2: return .leave(try member())
        case 3: return .remove(try member())
        case 4:
            let member = try member()
            return .replace(member, by: try self.member())
        case 5:
            let member = try member()
            return .weight(member, Double(bitPattern: try integer()))
        case 6:
            let member = try member()
            return .zone(member, try text())
        case 7: return .commit(try changes())
        case 8: return .abort(try changes())
        case 9: return .left(try member())
        default: throw GossipItemDamaged()
        }
    }
}
