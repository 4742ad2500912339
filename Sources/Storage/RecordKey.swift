public import Engines
public import NIOCore
public import Placement

/// Where records stand in an engine: `kind | partition | escaped type, bucket, key`. The kinds, and the partitions
/// within a kind, are ranges: to hand off, to hash, to drop.
public enum RecordKey {
    public enum Kind: UInt8, Sendable {
        /// The store's own figures.
        case metadata = 1
        case object = 2
        case index = 3
        case hint = 4
    }

    public static func object(_ key: ObjectKey, partition: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(key.canonicalBytes.readableBytes + 16)
        buffer.writeInteger(Kind.object.rawValue)
        buffer.writeInteger(UInt16(truncatingIfNeeded: partition))
        writeEscaped(key.type, into: &buffer)
        writeEscaped(key.bucket, into: &buffer)
        buffer.writeImmutableBuffer(key.key)
        return buffer
    }

    /// The object whose record stands there, and its partition; nil where the key is none of an object's.
    static func object(in key: ByteBuffer) -> (ObjectKey, partition: Int)? {
        var rest = key
        guard rest.readInteger(as: UInt8.self) == Kind.object.rawValue,
            let partition = rest.readInteger(as: UInt16.self),
            let type = readEscaped(from: &rest), let bucket = readEscaped(from: &rest)
        else { return nil }
        return (ObjectKey(type: type, bucket: bucket, key: rest), Int(partition))
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
