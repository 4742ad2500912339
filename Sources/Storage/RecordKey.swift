public import Engines
public import NIOCore
import Node
public import Placement

/// Where records stand in an engine: `kind | partition | escaped type, bucket, key`. The kinds, and the partitions
/// within a kind, are ranges: to hand off, to hash, to drop.
public enum RecordKey {
    public enum Kind: UInt8, Sendable {
        /// The store's own figures.
        case metadata = 1
        case object = 2
        case index = 3
        /// What is kept for a holder: an object's key, with its member behind it.
        case hint = 4
        /// The hints' order of delivery: `member | order`, and as its value the hint's key.
        case hintOrder = 5
        /// A Merkle tree, as a clean stop leaves it: `partition | n`.
        case tree = 6
    }

    public static func object(_ key: ObjectKey, partition: Int) -> ByteBuffer {
        record(.object, key, partition: partition)
    }

    private static func record(_ kind: Kind, _ key: ObjectKey, partition: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(key.canonicalBytes.readableBytes + 24)
        buffer.writeInteger(kind.rawValue)
        buffer.writeInteger(UInt16(truncatingIfNeeded: partition))
        writeEscaped(key.type, into: &buffer)
        writeEscaped(key.bucket, into: &buffer)
        buffer.writeImmutableBuffer(key.key)
        return buffer
    }

    /// The object whose record stands there, and its partition; nil where the key is none of an object's.
    static func object(in key: ByteBuffer) -> (ObjectKey, partition: Int)? { object(in: key, .object) }

    private static func object(in key: ByteBuffer, _ kind: Kind) -> (ObjectKey, partition: Int)? {
        var rest = key
        guard rest.readInteger(as: UInt8.self) == kind.rawValue,
            let partition = rest.readInteger(as: UInt16.self),
            let type = readEscaped(from: &rest), let bucket = readEscaped(from: &rest)
        else { return nil }
        return (ObjectKey(type: type, bucket: bucket, key: rest), Int(partition))
    }

    // MARK: Hints

    static func hint(_ key: ObjectKey, partition: Int, for member: MemberID) -> ByteBuffer {
        var buffer = record(.hint, key, partition: partition)
        buffer.writeInteger(member.rawValue)
        return buffer
    }

    package static func hint(in key: ByteBuffer) -> (ObjectKey, partition: Int, member: MemberID)? {
        var rest = key
        let length = rest.readableBytes - MemoryLayout<UInt64>.size
        guard length > 0, let object = rest.readSlice(length: length), let member = rest.readInteger(as: UInt64.self),
            let (key, partition) = Self.object(in: object, .hint)
        else { return nil }
        return (key, partition, MemberID(rawValue: member))
    }

    static var allHints: KeyRange { range(of: .hint) }

    static func hintOrder(_ order: UInt64, for member: MemberID) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(Kind.hintOrder.rawValue, member.rawValue, order)
        return buffer
    }

    static func hintOrder(in key: ByteBuffer) -> (member: MemberID, order: UInt64)? {
        var rest = key
        guard let (kind, member, order) = rest.readMultipleIntegers(as: (UInt8, UInt64, UInt64).self),
            kind == Kind.hintOrder.rawValue
        else { return nil }
        return (MemberID(rawValue: member), order)
    }

    /// A member's hints behind `order`, in the order of delivery.
    static func hintOrders(for member: MemberID, after order: UInt64) -> KeyRange {
        KeyRange(
            from: hintOrder(order == .max ? order : order + 1, for: member), to: hintOrder(.max, for: member))
    }

    // MARK: Trees

    static func tree(_ id: TreeID) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(
            Kind.tree.rawValue, UInt16(truncatingIfNeeded: id.partition), UInt16(truncatingIfNeeded: id.n))
        return buffer
    }

    static func tree(in key: ByteBuffer) -> TreeID? {
        var rest = key
        guard let (kind, partition, n) = rest.readMultipleIntegers(as: (UInt8, UInt16, UInt16).self),
            kind == Kind.tree.rawValue
        else { return nil }
        return TreeID(partition: Int(partition), n: Int(n))
    }

    static var allTrees: KeyRange { range(of: .tree) }

    private static func range(of kind: Kind) -> KeyRange {
        KeyRange(from: ByteBuffer(integer: kind.rawValue), to: ByteBuffer(integer: kind.rawValue + 1))
    }

    /// All objects of a partition.
    public static func objects(of partition: Int) -> KeyRange {
        var lower = ByteBuffer()
        lower.writeInteger(Kind.object.rawValue)
        lower.writeInteger(UInt16(truncatingIfNeeded: partition))
        var upper = ByteBuffer()
        let (next, overflow) = UInt16(truncatingIfNeeded: partition).addingReportingOverflow(1)
        upper.writeInteger(overflow ? Kind.object.rawValue + 1 : Kind.object.rawValue)
        if !overflow { upper.writeInteger(next) }
        return KeyRange(from: lower, to: upper)
    }

    static func metadata(_ name: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(Kind.metadata.rawValue)
        buffer.writeString(name)
        return buffer
    }

    /// A zero byte becomes 0x00 0xFF, and 0x00 0x01 ends the name: names keep their order, and none is another's
    /// prefix.
    private static func writeEscaped(_ name: ByteBuffer, into buffer: inout ByteBuffer) {
        if name.readableBytesView.contains(0) {
            for byte in name.readableBytesView {
                buffer.writeInteger(byte)
                if byte == 0 { buffer.writeInteger(UInt8.max) }
            }
        } else {
            buffer.writeImmutableBuffer(name)
        }
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt8(1))
    }

    private static func readEscaped(from buffer: inout ByteBuffer) -> ByteBuffer? {
        var name = ByteBuffer()
        while let byte: UInt8 = buffer.readInteger() {
            guard byte == 0 else {
                name.writeInteger(byte)
                continue
            }
            switch buffer.readInteger(as: UInt8.self) {
            case 1: return name
            case .max: name.writeInteger(UInt8(0))
            default: return nil
            }
        }
        return nil
    }
}
