public import NIOCore

/// What a client said of a value beside the value itself, as it travels in a sibling's `Content.metadata`.
///
/// All parts are bytes: HTTP brings them as header text, the protocol buffers interface as anything.
public struct ObjectMetadata: Hashable, Sendable {
    public struct Pair: Hashable, Sendable {
        public var name: ByteBuffer
        public var value: ByteBuffer

        public init(name: ByteBuffer, value: ByteBuffer) {
            self.name = name
            self.value = value
        }
    }

    /// A tagged pointer to another object of the same bucket type.
    public struct Link: Hashable, Sendable {
        public var bucket: ByteBuffer
        public var key: ByteBuffer
        public var tag: ByteBuffer

        public init(bucket: ByteBuffer, key: ByteBuffer, tag: ByteBuffer) {
            self.bucket = bucket
            self.key = key
            self.tag = tag
        }
    }

    /// Without its charset parameter, which is kept apart.
    public var contentType: ByteBuffer?
    public var charset: ByteBuffer?
    public var contentEncoding: ByteBuffer?
    /// Names are whole header names (`X-Riak-Meta-Colour`), in the order in which they came.
    public var userMetadata: [Pair] = []
    public var links: [Link] = []
    /// One pair a value: a name may be there several times.
    public var indexEntries: [Pair] = []

    public init() {}
}

extension ObjectMetadata {
    /// Nothing said gives no bytes at all.
    public func encoded() -> ByteBuffer {
        var writer = MetadataWriter()
        if let contentType { writer.write(.contentType, contentType) }
        if let charset { writer.write(.charset, charset) }
        if let contentEncoding { writer.write(.contentEncoding, contentEncoding) }
        for pair in userMetadata { writer.write(.userMetadata, pair.name, pair.value) }
        for link in links { writer.write(.link, link.bucket, link.key, link.tag) }
        for entry in indexEntries { writer.write(.indexEntry, entry.name, entry.value) }
        return writer.buffer
    }

    /// The parts are slices of `bytes`.
    public init(decoding bytes: ByteBuffer) throws(MetadataError) {
        var reader = try MetadataReader(bytes)
        while let field = try reader.next() {
            switch field {
            case .contentType(let value): contentType = value
            case .charset(let value): charset = value
            case .contentEncoding(let value): contentEncoding = value
            case .userMetadata(let pair): userMetadata.append(pair)
            case .link(let link): links.append(link)
            case .indexEntry(let entry): indexEntries.append(entry)
            }
        }
    }
}

/// Bytes that are no metadata of a format known here.
public struct MetadataError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        case unknownFormat(UInt8)
        case unknownField(UInt8)
        /// A length says more than there is.
        case truncated
        /// A length in more bytes than it needs, or a format byte with nothing behind it.
        case notCanonical
        /// A field behind one that belongs after it, or a second one of which there can be one only.
        case unordered
    }

    public var reason: Reason
    /// Bytes from the start of the metadata.
    public var offset: Int

    public var description: String {
        switch reason {
        case .unknownFormat(let format): "metadata has format \(format), only \(MetadataFormat.version) is known here"
        case .unknownField(let field): "metadata has the unknown field \(field) at byte \(offset)"
        case .truncated: "metadata is cut short at byte \(offset)"
        case .notCanonical: "metadata at byte \(offset) is not in its one encoding"
        case .unordered: "metadata has a field out of order at byte \(offset)"
        }
    }
}
