public import NIOCore

/// What names an object: bucket type, bucket and key, opaque bytes all three.
///
/// They are kept as one buffer, each part behind its length in four big-endian bytes. These canonical bytes are what is
/// hashed, compared, bound to contexts and sent between nodes: no two different keys have the same ones.
public struct ObjectKey: Hashable, Sendable, CustomStringConvertible {
    public let canonicalBytes: ByteBuffer

    /// Copies the parts' readable bytes into one new buffer.
    public init(type: ByteBuffer, bucket: ByteBuffer, key: ByteBuffer) {
        let length = 12 + type.readableBytes + bucket.readableBytes + key.readableBytes
        var buffer = ByteBufferAllocator().buffer(capacity: length)
        func write(_ part: ByteBuffer) {
            buffer.writeInteger(UInt32(part.readableBytes))
            buffer.writeImmutableBuffer(part)
        }
        write(type)
        write(bucket)
        write(key)
        self.canonicalBytes = buffer
    }

    /// The parts' UTF-8 bytes.
    public init(type: String, bucket: String, key: String) {
        self.init(type: ByteBuffer(string: type), bucket: ByteBuffer(string: bucket), key: ByteBuffer(string: key))
    }

    /// Takes canonical bytes as another node sent them, without copying: the key keeps their whole storage alive.
    /// - Throws: ``PlacementError/truncatedKey(bytes:needed:)`` or ``PlacementError/trailingKeyBytes(bytes:expected:)``
    ///   if the readable bytes are not exactly one key.
    public init(canonical: ByteBuffer) throws(PlacementError) {
        let bytes = canonical.readableBytes
        var end = 0
        for _ in 0..<3 {
            guard let length = canonical.getInteger(at: canonical.readerIndex + end, as: UInt32.self) else {
                throw .truncatedKey(bytes: bytes, needed: end + 4)
            }
            end += 4 + Int(length)
            if end > bytes { throw .truncatedKey(bytes: bytes, needed: end) }
        }
        if end < bytes { throw .trailingKeyBytes(bytes: bytes, expected: end) }
        self.canonicalBytes = canonical.slice()
    }

    public var type: ByteBuffer { part(at: 0) }

    public var bucket: ByteBuffer { part(at: end(ofPartAt: 0)) }

    public var key: ByteBuffer { part(at: end(ofPartAt: end(ofPartAt: 0))) }

    private func part(at offset: Int) -> ByteBuffer {
        let length = end(ofPartAt: offset) - offset - 4
        guard let bytes = canonicalBytes.getSlice(at: canonicalBytes.readerIndex + offset + 4, length: length) else {
            preconditionFailure("object key of \(canonicalBytes.readableBytes) bytes has no part at \(offset)")
        }
        return bytes
    }

    private func end(ofPartAt offset: Int) -> Int {
        guard let length = canonicalBytes.getInteger(at: canonicalBytes.readerIndex + offset, as: UInt32.self) else {
            preconditionFailure("object key of \(canonicalBytes.readableBytes) bytes has no part at \(offset)")
        }
        return offset + 4 + Int(length)
    }

    /// The MD5 of the canonical bytes; computed at each call.
    public var hash128: KeyHash {
        canonicalBytes.withUnsafeReadableBytes { MD5.hash($0) }
    }

    /// `type/bucket/key`; bytes other than letters, digits and `-._~` are percent-encoded, so that it can be copied
    /// from a log into an address.
    public var description: String {
        var text = ""
        for (index, part) in [type, bucket, key].enumerated() {
            if index > 0 { text += "/" }
            for byte in part.readableBytesView {
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                    UInt8(ascii: "_"), UInt8(ascii: "~"):
                    text.unicodeScalars.append(Unicode.Scalar(byte))
                default:
                    text += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
                }
            }
        }
        return text
    }
}
