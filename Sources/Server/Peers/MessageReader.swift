import NIOCore
import Placement
import Versions

/// Bytes that are no message of a peer. The link that brought them is closed: after them nothing can be trusted.
enum MessageCodingError: Error, Hashable {
    /// The bytes end before the field does.
    case truncated(StaticText)
    /// A value that the field cannot have.
    case impossible(StaticText, UInt64)
    case notText(StaticText)
    case trailing(bytes: Int)
    case key(String)
    case object(DecodingFailure)
    case unexpectedFrame(String)
}

/// A field's name, comparable.
struct StaticText: Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    let description: String

    init(stringLiteral value: StaticString) {
        description = value.description
    }
}

extension MessageCodingError: CustomStringConvertible {
    var description: String {
        switch self {
        case .truncated(let field): "\(field) is cut short"
        case .impossible(let field, let value): "\(field) cannot be \(value)"
        case .notText(let field): "\(field) is not UTF-8"
        case .trailing(let bytes): "\(bytes) bytes follow the message"
        case .key(let reason): reason
        case .object(let failure): "object: \(failure)"
        case .unexpectedFrame(let what): what
        }
    }
}

/// Reads fields of a message off a buffer. Byte fields are slices of it.
struct MessageReader {
    private(set) var buffer: ByteBuffer

    init(_ buffer: ByteBuffer) {
        self.buffer = buffer
    }

    mutating func integer<Number: FixedWidthInteger>(
        _ field: StaticString, as: Number.Type = Number.self
    ) throws(MessageCodingError) -> Number {
        guard let number = buffer.readInteger(as: Number.self) else {
            throw .truncated(StaticText(stringLiteral: field))
        }
        return number
    }

    /// A count or size: 63 bits.
    mutating func count(_ field: StaticString) throws(MessageCodingError) -> Int {
        let number: UInt64 = try integer(field)
        guard let count = Int(exactly: number) else { throw .impossible(StaticText(stringLiteral: field), number) }
        return count
    }

    mutating func flag(_ field: StaticString) throws(MessageCodingError) -> Bool {
        let byte: UInt8 = try integer(field)
        guard byte < 2 else { throw .impossible(StaticText(stringLiteral: field), UInt64(byte)) }
        return byte == 1
    }

    /// A length of four bytes, then the bytes.
    mutating func bytes(_ field: StaticString) throws(MessageCodingError) -> ByteBuffer {
        guard let length = buffer.readInteger(as: UInt32.self), let slice = buffer.readSlice(length: Int(length)) else {
            throw .truncated(StaticText(stringLiteral: field))
        }
        return slice
    }

    mutating func text(_ field: StaticString) throws(MessageCodingError) -> String {
        let bytes = try bytes(field)
        let text = bytes.withUnsafeReadableBytes { String(validating: $0, as: UTF8.self) }
        guard let text else { throw .notText(StaticText(stringLiteral: field)) }
        return text
    }

    mutating func key() throws(MessageCodingError) -> ObjectKey {
        let canonical = try bytes("key")
        do throws(PlacementError) {
            return try ObjectKey(canonical: canonical)
        } catch {
            throw .key("\(error)")
        }
    }

    mutating func object() throws(MessageCodingError) -> VersionedObject {
        do throws(DecodingFailure) {
            return try VersionedObject(decoding: &buffer)
        } catch {
            throw .object(error)
        }
    }

    func end() throws(MessageCodingError) {
        guard buffer.readableBytes == 0 else { throw .trailing(bytes: buffer.readableBytes) }
    }
}

extension ByteBuffer {
    /// What ``MessageReader/bytes(_:)`` reads.
    mutating func writeLengthPrefixed(_ bytes: ByteBuffer) {
        writeInteger(UInt32(bytes.readableBytes))
        writeImmutableBuffer(bytes)
    }

    /// Reasons of failures travel with at most a kilobyte of text.
    mutating func writeText(_ text: String) {
        var bytes = text.utf8[...]
        if bytes.count > 1024 {
            var end = bytes.index(bytes.startIndex, offsetBy: 1024)
            while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
            bytes = bytes[..<end]
        }
        writeInteger(UInt32(bytes.count))
        writeBytes(bytes)
    }

    mutating func writeFlag(_ flag: Bool) {
        writeInteger(flag ? 1 : 0, as: UInt8.self)
    }

    mutating func writeCount(_ count: Int) {
        writeInteger(UInt64(max(0, count)))
    }

    mutating func writeOptional<Value>(_ value: Value?, _ write: (inout ByteBuffer, Value) -> Void) {
        writeFlag(value != nil)
        if let value { write(&self, value) }
    }
}
