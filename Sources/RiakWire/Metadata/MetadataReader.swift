public import NIOCore
import Versions

/// A format byte, then fields: a kind byte and its parts, each behind its length as a varint. Kinds ascend, and only
/// those that a value can have several of repeat, so that equal metadata has equal bytes.
enum MetadataFormat {
    static let version: UInt8 = 1

    enum Kind: UInt8 {
        case contentType = 1
        case charset
        case contentEncoding
        case userMetadata
        case link
        case indexEntry

        var repeats: Bool { rawValue >= Kind.userMetadata.rawValue }
    }
}

/// Reads metadata field by field: a get that only copies it into headers makes no arrays.
public struct MetadataReader: Sendable {
    public enum Field: Hashable, Sendable {
        case contentType(ByteBuffer)
        case charset(ByteBuffer)
        case contentEncoding(ByteBuffer)
        case userMetadata(ObjectMetadata.Pair)
        case link(ObjectMetadata.Link)
        case indexEntry(ObjectMetadata.Pair)
    }

    private var rest: ByteBuffer
    private let start: Int
    private var last: UInt8 = 0

    public init(_ bytes: ByteBuffer) throws(MetadataError) {
        rest = bytes
        start = bytes.readerIndex
        guard let version: UInt8 = rest.readInteger() else { return }
        guard version == MetadataFormat.version else {
            throw MetadataError(reason: .unknownFormat(version), offset: 0)
        }
        guard rest.readableBytes > 0 else { throw MetadataError(reason: .notCanonical, offset: 0) }
    }

    /// Nil at the end. After an error nothing more can be read.
    public mutating func next() throws(MetadataError) -> Field? {
        let offset = rest.readerIndex - start
        guard let byte: UInt8 = rest.readInteger() else { return nil }
        guard let kind = MetadataFormat.Kind(rawValue: byte) else {
            throw MetadataError(reason: .unknownField(byte), offset: offset)
        }
        guard byte > last || (byte == last && kind.repeats) else {
            throw MetadataError(reason: .unordered, offset: offset)
        }
        last = byte
        switch kind {
        case .contentType: return .contentType(try part())
        case .charset: return .charset(try part())
        case .contentEncoding: return .contentEncoding(try part())
        case .userMetadata: return .userMetadata(ObjectMetadata.Pair(name: try part(), value: try part()))
        case .link: return .link(ObjectMetadata.Link(bucket: try part(), key: try part(), tag: try part()))
        case .indexEntry: return .indexEntry(ObjectMetadata.Pair(name: try part(), value: try part()))
        }
    }

    private mutating func part() throws(MetadataError) -> ByteBuffer {
        let offset = rest.readerIndex - start
        guard let slice = rest.readSlice(length: try length(offset)) else {
            throw MetadataError(reason: .truncated, offset: offset)
        }
        return slice
    }

    private mutating func length(_ offset: Int) throws(MetadataError) -> Int {
        var length = 0
        var shift = 0
        while true {
            guard let byte: UInt8 = rest.readInteger() else { throw MetadataError(reason: .truncated, offset: offset) }
            // Five bytes hold more than any buffer can.
            guard shift < 35, byte != 0 || shift == 0 else {
                throw MetadataError(reason: .notCanonical, offset: offset)
            }
            length |= Int(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return length }
            shift += 7
        }
    }
}

/// Writes fields in the order of their kinds.
struct MetadataWriter {
    private(set) var buffer = ByteBuffer()
    private var last: UInt8 = 0

    mutating func write(_ kind: MetadataFormat.Kind, _ parts: ByteBuffer...) {
        begin(kind, bytes: parts.reduce(0) { $0 + $1.readableBytes + 5 })
        for part in parts {
            buffer.writeVarint(UInt64(part.readableBytes))
            buffer.writeImmutableBuffer(part)
        }
    }

    /// The common case, without a buffer of the text's own.
    mutating func write(_ kind: MetadataFormat.Kind, text: some StringProtocol) {
        begin(kind, bytes: text.utf8.count + 5)
        write(text)
    }

    mutating func write(_ kind: MetadataFormat.Kind, name: some StringProtocol, value: some StringProtocol) {
        begin(kind, bytes: name.utf8.count + value.utf8.count + 10)
        write(name)
        write(value)
    }

    private mutating func begin(_ kind: MetadataFormat.Kind, bytes: Int) {
        precondition(kind.rawValue >= last, "metadata field \(kind) written after kind \(last)")
        last = kind.rawValue
        buffer.reserveCapacity(minimumWritableBytes: bytes + 2)
        if buffer.readableBytes == 0 { buffer.writeInteger(MetadataFormat.version) }
        buffer.writeInteger(kind.rawValue)
    }

    private mutating func write(_ text: some StringProtocol) {
        buffer.writeVarint(UInt64(text.utf8.count))
        buffer.writeSubstring(Substring(text))
    }
}
