public import NIOCore

extension VersionedObject {
    /// Vector, then the siblings in order. A sibling's dot is an entry of the vector and how far its counter is
    /// behind that entry's, which takes two bytes as a rule and cannot name a dot that the vector does not cover.
    public func encode(into buffer: inout ByteBuffer) {
        var bound = vector.encodedSizeBound + 10
        for sibling in siblings {
            bound += 49 + sibling.content.metadata.readableBytes + sibling.content.value.readableBytes
        }
        buffer.reserveCapacity(minimumWritableBytes: bound)

        vector.encode(into: &buffer)
        buffer.writeVarint(UInt64(siblings.count))
        for sibling in siblings {
            let index = vector.firstIndex(notBelow: sibling.dot.actor)
            buffer.writeVarint(UInt64(index))
            buffer.writeVarint(vector.entries[index].counter - sibling.dot.counter)
            buffer.writeInteger(sibling.stamp.rawValue)
            buffer.writeInteger(sibling.isTombstone ? Sibling.tombstoneFlag : 0)
            buffer.writeBytes(of: sibling.content.metadata)
            buffer.writeBytes(of: sibling.content.value)
        }
    }

    /// Moves the reader past the object; leaves it where it was if it throws. What follows is the caller's.
    ///
    /// Metadata and values are slices of `buffer`. Every object has one encoding, and nothing else is taken.
    public init(decoding buffer: inout ByteBuffer) throws(DecodingFailure) {
        var reader = FieldReader(buffer)
        let vector = try VersionVector(from: &reader)
        let begin = reader.offset
        let count = try reader.count("siblings", itemsOfAtLeast: Sibling.smallest)
        guard count > 0 else { throw DecodingFailure(.impossible, field: "siblings", offset: begin) }
        var siblings: [Sibling] = []
        siblings.reserveCapacity(count)
        for _ in 0..<count {
            let begin = reader.offset
            let sibling = try Sibling(from: &reader, under: vector)
            if let last = siblings.last, last.dot >= sibling.dot {
                throw DecodingFailure(.unordered, field: "sibling", offset: begin)
            }
            siblings.append(sibling)
        }
        self.init(vector: vector, siblings: siblings)
        buffer = reader.buffer
    }
}

extension Sibling {
    fileprivate static var tombstoneFlag: UInt8 { 1 }

    /// Entry, distance, stamp, flags, and the lengths of metadata and value.
    fileprivate static var smallest: Int { 1 + 1 + 8 + 1 + 1 + 1 }

    fileprivate init(from reader: inout FieldReader, under vector: VersionVector) throws(DecodingFailure) {
        let begin = reader.offset
        let index = try reader.varint("dot's entry")
        guard index < UInt64(vector.entries.count) else {
            throw DecodingFailure(.impossible, field: "dot's entry", offset: begin)
        }
        let entry = vector.entries[Int(index)]
        let behind = try reader.varint("dot's distance")
        guard behind < entry.counter else {
            throw DecodingFailure(.impossible, field: "dot's distance", offset: begin)
        }
        let stamp = HybridTime(rawValue: try reader.integer("stamp"))
        let flagsBegin = reader.offset
        let flags: UInt8 = try reader.integer("sibling flags")
        guard flags & ~Self.tombstoneFlag == 0 else {
            throw DecodingFailure(.impossible, field: "sibling flags", offset: flagsBegin)
        }
        self.init(
            dot: Dot(actor: entry.actor, counter: entry.counter - behind),
            stamp: stamp,
            isTombstone: flags & Self.tombstoneFlag != 0,
            content: Content(metadata: try reader.bytes("metadata"), value: try reader.bytes("value")))
    }
}

extension ByteBuffer {
    /// The length, then the bytes.
    fileprivate mutating func writeBytes(of other: ByteBuffer) {
        writeVarint(UInt64(other.readableBytes))
        writeImmutableBuffer(other)
    }
}
