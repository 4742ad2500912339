public import NIOCore

/// The headers of a request that mean something here, found in one pass.
public struct RequestHeaders: Sendable {
    public var accept: String?
    public var contentType: String?
    public var contentEncoding: String?
    /// The highest number where more is claimed than an `Int` holds.
    public var contentLength: Int?
    public var expectsContinue = false
    /// For another protocol on this connection.
    public var asksUpgrade = false
    public var preconditions = Preconditions()
    private var contextText: String?
    private var unmodifiedContextText: String?
    private var userMetadata: [(name: String, value: String)] = []
    private var indexEntries: [(name: String, value: String)] = []
    private var links: [String] = []

    public init(_ headers: some Sequence<(name: String, value: String)>) {
        for (name, value) in headers { read(name, value) }
    }

    /// The length tells most headers apart before a letter is compared.
    private mutating func read(_ name: String, _ value: String) {
        switch name.utf8.count {
        case 4 where name.isHeader("link"): links.append(value)
        case 6 where name.isHeader("accept"): Self.join(value, to: &accept)
        case 6 where name.isHeader("expect"): expectsContinue = value.isHeader("100-continue")
        case 7 where name.isHeader("upgrade"): asksUpgrade = true
        case 8 where name.isHeader("if-match"): Self.join(value, to: &preconditions.ifMatch)
        case 12 where name.isHeader("content-type"): contentType = value
        case 13 where name.isHeader("x-riak-vclock"): contextText = value
        case 13 where name.isHeader("if-none-match"): Self.join(value, to: &preconditions.ifNoneMatch)
        case 14 where name.isHeader("content-length"): contentLength = Int(value) ?? .max
        case 16 where name.isHeader("content-encoding"): contentEncoding = value
        case 17 where name.isHeader("if-modified-since"): preconditions.ifModifiedSince = value
        case 19 where name.isHeader("if-unmodified-since"): preconditions.ifUnmodifiedSince = value
        case 22 where name.isHeader("x-riak-if-not-modified"): unmodifiedContextText = value
        case 13... where name.hasHeaderPrefix(ObjectHeader.userMetadataPrefix): userMetadata.append((name, value))
        case 14... where name.hasHeaderPrefix(ObjectHeader.indexPrefix): indexEntries.append((name, value))
        default: break
        }
    }

    private static func join(_ value: String, to list: inout String?) {
        list = list.map { $0 + ", " + value } ?? value
    }

    /// The context in `X-Riak-Vclock`, still sealed.
    public func context() throws(RequestFormError) -> ByteBuffer? {
        guard let contextText, !contextText.isEmpty else { return nil }
        guard let context = Base64.decoded(contextText) else { throw .badBase64(header: "X-Riak-Vclock") }
        return context
    }

    /// The context that the stored object must still have, in `X-Riak-If-Not-Modified`.
    public func unmodifiedContext() throws(RequestFormError) -> ByteBuffer? {
        guard let unmodifiedContextText else { return nil }
        guard let context = Base64.decoded(unmodifiedContextText) else {
            throw .badBase64(header: "X-Riak-If-Not-Modified")
        }
        return context
    }

    /// The metadata of a value that comes with these headers, encoded.
    ///
    /// - Parameter bucket: The value's own: a link up must name it.
    public func metadata(in bucket: ByteBuffer) throws(RequestFormError) -> ByteBuffer {
        guard let contentType, !contentType.isEmpty else { throw .missingContentType }
        let mediaType = try MediaType(parsing: contentType)
        var writer = MetadataWriter()
        writer.write(.contentType, text: mediaType.withoutCharset)
        if let charset = mediaType.charset { writer.write(.charset, text: charset) }
        if let contentEncoding { writer.write(.contentEncoding, text: contentEncoding) }
        for pair in userMetadata { writer.write(.userMetadata, name: pair.name, value: pair.value) }
        for text in links {
            for link in try LinkHeader.links(in: text, of: bucket) {
                writer.write(.link, link.bucket, link.key, link.tag)
            }
        }
        for entry in indexEntries { try Self.write(entry.name, entry.value, to: &writer) }
        return writer.buffer
    }

    /// Several values of an index stand in one header, with `, ` between them.
    private static func write(
        _ header: String, _ values: String, to writer: inout MetadataWriter
    ) throws(RequestFormError) {
        let name = header.dropFirst(ObjectHeader.indexPrefix.utf8CodeUnitCount).lowercased()
        let isInteger = name.hasSuffix("_int")
        guard isInteger || name.hasSuffix("_bin"), name.utf8.count > 4 else {
            throw .badIndexEntry(name: name, value: values, why: "index names end in _bin or _int")
        }
        for value in values.split(separator: ", ") {
            let digits = value.utf8.first == UInt8(ascii: "-") ? value.utf8.dropFirst() : value.utf8[...]
            guard !isInteger || (!digits.isEmpty && digits.allSatisfy({ (0x30...0x39).contains($0) })) else {
                throw .badIndexEntry(name: name, value: String(value), why: "an _int index takes whole numbers")
            }
            writer.write(.indexEntry, name: name, value: value)
        }
    }
}

extension StringProtocol {
    /// Compares a header's name, or a token, without regard to case. `lower` is in lower case.
    func isHeader(_ lower: StaticString) -> Bool {
        utf8.count == lower.utf8CodeUnitCount && hasHeaderPrefix(lower)
    }

    func hasHeaderPrefix(_ lower: StaticString) -> Bool {
        var expected = lower.utf8Start
        let end = lower.utf8Start + lower.utf8CodeUnitCount
        for byte in utf8 {
            if expected == end { return true }
            guard byte.inLowerCase == expected.pointee else { return false }
            expected += 1
        }
        return expected == end
    }
}

extension UInt8 {
    var inLowerCase: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }

    /// RFC 9110 §5.6.2.
    var isTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"),
            UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"),
            UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
