public import NIOCore

extension VersionVector {
    /// Node, incarnation, birth and counter in a byte each, and the time of update.
    private static var smallestEntry: Int { 8 }

    /// The count, and for each entry four numbers and the time of update.
    var encodedSizeBound: Int { 10 + entries.count * 44 }

    /// Entries in order: node as its distance from the entry before, incarnation, birth, counter, time of update.
    func encode(into writer: inout FieldWriter) {
        writer.varint(UInt64(entries.count))
        var node: UInt64 = 0
        for entry in entries {
            writer.varint(entry.actor.node - node)
            writer.varint(entry.actor.incarnation)
            writer.varint(entry.actor.birth)
            writer.varint(entry.counter)
            writer.integer(entry.updated)
            node = entry.actor.node
        }
    }

    init(from reader: inout FieldReader) throws(DecodingFailure) {
        let count = try reader.count("vector", itemsOfAtLeast: Self.smallestEntry)
        var entries: [Entry] = []
        entries.reserveCapacity(count)
        var node: UInt64 = 0
        for _ in 0..<count {
            let begin = reader.offset
            let (sum, overflow) = node.addingReportingOverflow(try reader.varint("node"))
            guard !overflow else { throw DecodingFailure(.notCanonical, field: "node", offset: begin) }
            node = sum
            let actor = Actor(
                node: node, incarnation: try reader.varint("incarnation"), birth: try reader.varint("birth"))
            if let last = entries.last, last.actor >= actor {
                throw DecodingFailure(.unordered, field: "vector entry", offset: begin)
            }
            let counter = try reader.varint("counter")
            guard counter > 0 else { throw DecodingFailure(.impossible, field: "counter", offset: begin) }
            entries.append(Entry(actor: actor, counter: counter, updated: try reader.integer("time of update")))
        }
        self.init(sorted: entries)
    }
}

extension Context {
    private static var knowsFastest: UInt8 { 1 }

    var encodedSizeBound: Int { vector.encodedSizeBound + 8 + 1 + 10 }

    /// For messages between nodes; clients get it sealed.
    public func encode(into buffer: inout ByteBuffer) {
        buffer.writeFields(ofAtMost: encodedSizeBound) { writer in
            vector.encode(into: &writer)
            writer.integer(stamp.rawValue)
            writer.integer(fastest == nil ? 0 : Self.knowsFastest)
            if let fastest { writer.varint(fastest) }
        }
    }

    /// Moves the reader past the context; leaves it where it was if it throws. What follows is the caller's.
    public init(decoding buffer: inout ByteBuffer) throws(DecodingFailure) {
        self = try buffer.readFields { (reader) throws(DecodingFailure) -> Context in
            let vector = try VersionVector(from: &reader)
            let stamp = HybridTime(rawValue: try reader.integer("stamp"))
            let begin = reader.offset
            let flags: UInt8 = try reader.integer("context flags")
            guard flags & ~Self.knowsFastest == 0 else {
                throw DecodingFailure(.impossible, field: "context flags", offset: begin)
            }
            let fastest = flags == 0 ? nil : try reader.varint("fastest node")
            return Context(vector: vector, stamp: stamp, fastest: fastest)
        }
    }
}
