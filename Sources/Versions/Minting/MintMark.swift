public import NIOCore

/// "I minted here": stored beside the object in the node's own record, and never sent to anyone.
///
/// It says that this record, and not merely some record of the key, has held every dot of that actor up to `counter`.
/// An object that comes from elsewhere brings no mark; a record that is rebuilt from other replicas has none.
public struct MintMark: Hashable, Sendable {
    public var incarnation: UInt64
    public var birth: UInt64
    /// The last counter minted.
    public var counter: UInt64

    public init(incarnation: UInt64, birth: UInt64, counter: UInt64) {
        self.incarnation = incarnation
        self.birth = birth
        self.counter = counter
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.writeFields(ofAtMost: 30) { writer in
            writer.varint(incarnation)
            writer.varint(birth)
            writer.varint(counter)
        }
    }

    /// Moves the reader past the mark; leaves it where it was if it throws. What follows is the caller's.
    public init(decoding buffer: inout ByteBuffer) throws(DecodingFailure) {
        self = try buffer.readFields { (reader) throws(DecodingFailure) -> MintMark in
            MintMark(
                incarnation: try reader.varint("mark's incarnation"),
                birth: try reader.varint("mark's birth"),
                counter: try reader.varint("mark's counter"))
        }
    }
}
