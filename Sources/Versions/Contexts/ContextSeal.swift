public import NIOCore

/// The secret by which a cluster knows the contexts that it handed out: 128 bits.
public struct ContextKey: Sendable {
    let low: UInt64
    let high: UInt64

    public init(_ low: UInt64, _ high: UInt64) {
        self.low = low
        self.high = high
    }
}

/// Why a context is refused. The client should get the object again and use the context that comes with it.
public enum ContextError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing in it, or the first byte names a format that this version of Rotor does not read.
    case unknownFormat(UInt8?)
    /// Fewer bytes than the shortest context has.
    case truncated(length: Int)
    /// Not sealed by this cluster for this key: forged, altered, cut, or another key's.
    case foreign
    /// The seal is right but the inside is not: a defect of the writer.
    case malformed(DecodingFailure)

    public var description: String {
        let advice = "get the object again and use the context that comes with it"
        switch self {
        case .unknownFormat(nil): return "the context is empty: \(advice)"
        case .unknownFormat(let format?):
            return "the context has format \(format), only \(ContextSeal.format) is known here: \(advice)"
        case .truncated(let length):
            return "the context has \(length) bytes, the shortest has \(ContextSeal.shortest): \(advice)"
        case .foreign: return "this cluster did not hand out the context for this key: \(advice)"
        case .malformed(let failure): return "the context cannot be read (\(failure)): \(advice)"
        }
    }
}

enum ContextSeal {
    static let format: UInt8 = 1
    static let tagLength = 16
    /// Format, an empty vector, stamp, flags, tag.
    static let shortest = 1 + 1 + 8 + 1 + tagLength
}

extension Context {
    /// Format byte, encoding, 128-bit tag over both and `key`. The same context gives the same bytes.
    ///
    /// Without the tag a client could make up a context with a great counter, and its put would hide every later
    /// write of that actor. `key` names type, bucket and key; different ones must not give the same bytes.
    public func sealed(with secret: ContextKey, boundTo key: ByteBuffer) -> ByteBuffer {
        var sealed = ByteBuffer()
        sealed.reserveCapacity(ContextSeal.shortest + encodedSizeBound)
        sealed.writeInteger(ContextSeal.format)
        encode(into: &sealed)
        let tag = Self.tag(of: sealed, with: secret, boundTo: key)
        sealed.writeInteger(tag.first, endianness: .little)
        sealed.writeInteger(tag.second, endianness: .little)
        return sealed
    }

    public static func opened(
        _ sealed: ByteBuffer, with secret: ContextKey, boundTo key: ByteBuffer
    ) throws(ContextError) -> Context {
        var rest = sealed
        guard let format: UInt8 = rest.getInteger(at: rest.readerIndex) else { throw .unknownFormat(nil) }
        guard format == ContextSeal.format else { throw .unknownFormat(format) }
        guard sealed.readableBytes >= ContextSeal.shortest,
            var body = rest.readSlice(length: sealed.readableBytes - ContextSeal.tagLength),
            let first: UInt64 = rest.readInteger(endianness: .little),
            let second: UInt64 = rest.readInteger(endianness: .little)
        else { throw .truncated(length: sealed.readableBytes) }
        let tag = tag(of: body, with: secret, boundTo: key)
        // One comparison of all bits, so that its time tells nothing about how many were right.
        guard (tag.first ^ first) | (tag.second ^ second) == 0 else { throw .foreign }
        body.moveReaderIndex(forwardBy: 1)
        do throws(DecodingFailure) {
            let context = try Context(decoding: &body)
            guard body.readableBytes == 0 else {
                throw DecodingFailure(.trailing, field: "context", offset: body.readerIndex)
            }
            return context
        } catch {
            throw .malformed(error)
        }
    }

    /// The length of the body comes first, so that no byte can be shifted between body and key.
    private static func tag(
        of body: ByteBuffer, with secret: ContextKey, boundTo key: ByteBuffer
    ) -> (first: UInt64, second: UInt64) {
        var hash = SipHash(key: secret, wide: true)
        hash.append(UInt64(body.readableBytes))
        body.withUnsafeReadableBytes { hash.append($0) }
        hash.append(UInt64(key.readableBytes))
        key.withUnsafeReadableBytes { hash.append($0) }
        return hash.finishWide()
    }
}
