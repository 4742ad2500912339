public import NIOCore

extension VersionedObject {
    /// Vector, then the siblings in order. A sibling's dot is an entry of the vector and how far its counter is
    /// behind that entry's, which takes two bytes as a rule and cannot name a dot that the vector does not cover.
    public func encode(into buffer: inout ByteBuffer) {
        let headBound = vector.encodedSizeBound + 10
        var bound = headBound
        for sibling in siblings {
            let content = sibling.content
            bound += Sibling.headBound + 20 + content.metadata.readableBytes + content.value.readableBytes
        }
        buffer.reserveCapacity(minimumWritableBytes: bound)

        buffer.writeFields(ofAtMost: headBound) { writer in
            vector.encode(into: &writer)
            writer.varint(UInt64(siblings.count))
        }
        for sibling in siblings {
            let index = vector.firstIndex(notBelow: sibling.dot.actor)
            let content = sibling.content
            buffer.writeFields(ofAtMost: Sibling.headBound + 10) { writer in
                writer.varint(UInt64(index))
                writer.varint(vector.entries[index].counter - sibling.dot.counter)
                writer.integer(sibling.stamp.rawValue)
                writer.integer(sibling.isTombstone ? Sibling.tombstoneFlag : 0)
                writer.varint(UInt64(content.metadata.readableBytes))
            }
            buffer.writeImmutableBuffer(content.metadata)
            buffer.writeVarint(UInt64(content.value.readableBytes))
            buffer.writeImmutableBuffer(content.value)
        }
    }

    /// Moves the reader past the object; leaves it where it was if it throws. What follows is the caller's.
    ///
    /// Metadata and values are slices of `buffer`. Every object has one encoding, and nothing else is taken.
    public init(decoding buffer: inout ByteBuffer) throws(DecodingFailure) {
        self = try buffer.readFields { (reader) throws(DecodingFailure) -> VersionedObject in
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
            return VersionedObject(vector: vector, siblings: siblings)
        }
    }
}

extension Sibling {
    fileprivate static var tombstoneFlag: UInt8 { 1 }

    /// Entry, distance, stamp and flags.
    fileprivate static var headBound: Int { 10 + 10 + 8 + 1 }

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
