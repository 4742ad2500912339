public import NIOCore

/// The headers that a sibling's metadata becomes, in a response or in a part of one.
public struct ObjectHeaders: Sendable {
    public var contentType = "application/octet-stream"
    public var contentEncoding: String?
    public var link: String
    /// User metadata, then index entries.
    public var others: [(name: String, value: String)] = []

    /// - Parameter bucket: The object's own, which the link up names.
    public init(metadata: ByteBuffer, in bucket: ByteBuffer) throws(MetadataError) {
        var reader = try MetadataReader(metadata)
        var charset: String?
        var links: [ObjectMetadata.Link] = []
        var indexes: [(name: String, value: String)] = []
        while let field = try reader.next() {
            switch field {
            case .contentType(let value): contentType = ObjectHeader.value(value)
            case .charset(let value): charset = ObjectHeader.value(value)
            case .contentEncoding(let value): contentEncoding = ObjectHeader.value(value)
            case .userMetadata(let pair):
                others.append((ObjectHeader.userMetadataName(pair.name), ObjectHeader.value(pair.value)))
            case .link(let link): links.append(link)
            case .indexEntry(let entry): Self.add(entry, to: &indexes)
            }
        }
        if let charset { contentType = MediaType.text(contentType: contentType, charset: charset) }
        link = LinkHeader.text(links: links, of: bucket)
        others += indexes
    }

    /// All values of an index go into one header.
    private static func add(_ entry: ObjectMetadata.Pair, to indexes: inout [(name: String, value: String)]) {
        let name = "x-riak-index-" + ObjectHeader.name(entry.name)
        let value = ObjectHeader.value(entry.value)
        if let known = indexes.firstIndex(where: { $0.name == name }) {
            indexes[known].value += ", " + value
        } else {
            indexes.append((name, value))
        }
    }
}

enum ObjectHeader {
    static let userMetadataPrefix: StaticString = "x-riak-meta-"
    static let indexPrefix: StaticString = "x-riak-index-"

    /// Pairs that were not written over HTTP have any name. One that HTTP or this interface gives a meaning of its own
    /// must not frame or rule the response: it goes behind the prefix of user metadata.
    static func userMetadataName(_ bytes: ByteBuffer) -> String {
        let name = name(bytes)
        guard !name.hasHeaderPrefix(userMetadataPrefix) else { return name }
        let hasMeaning =
            name.isEmpty || ["content-", "if-", "x-riak-", "x-rotor-"].contains { name.lowercased().hasPrefix($0) }
            || meaningful.contains(name.lowercased())
        return hasMeaning ? "X-Riak-Meta-" + name : name
    }

    private static let meaningful = [
        "accept-ranges", "age", "allow", "authorization", "cache-control", "connection", "date", "etag", "expires",
        "host", "keep-alive", "last-modified", "link", "location", "pragma", "proxy-authenticate",
        "proxy-authorization", "proxy-connection", "range", "retry-after", "server", "set-cookie", "te", "trailer",
        "transfer-encoding", "upgrade", "vary", "via", "www-authenticate",
    ]

    /// Bytes that a header name cannot have are percent-encoded.
    static func name(_ bytes: ByteBuffer) -> String {
        if bytes.readableBytesView.allSatisfy(\.isTokenCharacter) { return String(buffer: bytes) }
        var name = ""
        for byte in bytes.readableBytesView {
            PercentCoding.append(byte, to: &name, isPlain: byte.isTokenCharacter && byte != UInt8(ascii: "%"))
        }
        return name
    }

    /// Control characters, with which a value could end its header, become spaces.
    static func value(_ bytes: ByteBuffer) -> String {
        if bytes.readableBytesView.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) { return String(buffer: bytes) }
        return String(decoding: bytes.readableBytesView.map { $0 >= 0x20 && $0 != 0x7f ? $0 : 0x20 }, as: UTF8.self)
    }
}
