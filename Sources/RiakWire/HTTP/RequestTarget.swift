public import NIOCore
public import Placement

/// What a request target names, and its query.
public struct RequestTarget: Sendable {
    public enum Resource: Hashable, Sendable {
        case root
        case ping
        case stats
        /// The figures for Prometheus.
        case metrics
        /// `/health/live` and `/health/ready`.
        case live
        case ready
        /// A bucket's keys: where objects are stored whose key the server makes.
        case keys(type: ByteBuffer, bucket: ByteBuffer)
        case object(ObjectKey)
        case preferenceList(ObjectKey)
    }

    /// Nil: nothing is there.
    public var resource: Resource?
    public var options: RequestOptions

    /// - Parameter text: In origin form, `/path?query`, or absolute, `http://host/path?query` (RFC 9112 §3.2).
    public init(parsing text: String) throws(RequestFormError) {
        var text = text
        var result = Result<Self, RequestFormError>.failure(.badEscape(in: ""))
        text.withUTF8 { bytes in
            do throws(RequestFormError) {
                result = .success(try Self(bytes))
            } catch {
                result = .failure(error)
            }
        }
        self = try result.get()
    }

    private init(_ bytes: UnsafeBufferPointer<UInt8>) throws(RequestFormError) {
        // Beyond ASCII the server's text would no longer be the client's bytes, and name another key.
        if let raw = bytes.first(where: { $0 <= 0x20 || $0 >= 0x7f }) { throw .rawByte(raw) }
        let mark = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        let start = Self.pathStart(bytes)
        // No path at all behind a host means the root (RFC 9110 §4.2.3).
        resource = start > bytes.startIndex && start == mark ? .root : try Self.resource(bytes[start..<mark])
        options = try RequestOptions(parsing: bytes[mark...].dropFirst())
    }

    private static func pathStart(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        let scheme: StaticString = "http://"
        guard bytes.starts(with: UnsafeBufferPointer(start: scheme.utf8Start, count: scheme.utf8CodeUnitCount)) else {
            return bytes.startIndex
        }
        let end = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        return bytes[scheme.utf8CodeUnitCount..<end].firstIndex(of: UInt8(ascii: "/")) ?? end
    }

    private static func resource(
        _ path: UnsafeBufferPointer<UInt8>.SubSequence
    ) throws(RequestFormError) -> Resource? {
        // Split first, decode then: %2F belongs to a name.
        var parts = PathParts(path)
        guard parts.skip(""), let first = parts.next() else { return nil }
        if first.names("") { return parts.isAtEnd ? .root : nil }
        if first.names("ping") { return parts.isAtEnd ? .ping : nil }
        if first.names("stats") { return parts.isAtEnd ? .stats : nil }
        if first.names("metrics") { return parts.isAtEnd ? .metrics : nil }
        if first.names("health") { return inHealth(&parts) }
        guard first.names("types") else {
            return first.names("buckets") ? try inBuckets(&parts, of: nil) : nil
        }
        guard let type = parts.next(), parts.skip("buckets") else { return nil }
        return try inBuckets(&parts, of: type)
    }

    /// What follows `health`.
    private static func inHealth(_ parts: inout PathParts) -> Resource? {
        guard let part = parts.next(), parts.isAtEnd else { return nil }
        return part.names("live") ? .live : part.names("ready") ? .ready : nil
    }

    /// What follows `buckets`.
    private static func inBuckets(
        _ parts: inout PathParts, of type: PathParts.Part?
    ) throws(RequestFormError) -> Resource? {
        guard let bucket = parts.next(), parts.skip("keys") else { return nil }
        guard let key = parts.next(), !(key.names("") && parts.isAtEnd) else {
            return .keys(type: try type?.decoded() ?? ByteBuffer(staticString: "default"), bucket: try bucket.decoded())
        }
        let below = parts.next()
        guard parts.isAtEnd, below?.names("preflist") ?? true else { return nil }
        let object = try objectKey(type, bucket, key)
        return below == nil ? .object(object) : .preferenceList(object)
    }

    /// Decodes right into the key's canonical bytes, so that a request makes one buffer for its key.
    private static func objectKey(
        _ type: PathParts.Part?, _ bucket: PathParts.Part, _ key: PathParts.Part
    ) throws(RequestFormError) -> ObjectKey {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(12 + (type?.bytes.count ?? 7) + bucket.bytes.count + key.bytes.count)
        if let type {
            try append(type, to: &buffer)
        } else {
            buffer.writeInteger(UInt32(7))
            buffer.writeStaticString("default")
        }
        try append(bucket, to: &buffer)
        try append(key, to: &buffer)
        do {
            return try ObjectKey(canonical: buffer)
        } catch {
            preconditionFailure("the bytes just made are no key: \(error)")
        }
    }

    private static func append(_ part: PathParts.Part, to buffer: inout ByteBuffer) throws(RequestFormError) {
        let start = buffer.writerIndex
        buffer.writeInteger(UInt32(0))
        try PercentCoding.decode(part.bytes, into: &buffer)
        buffer.setInteger(UInt32(buffer.writerIndex - start - 4), at: start)
    }
}

extension RequestTarget {
    /// The path of an object, as `Location` and `Link` headers name it.
    public static func path(of key: ObjectKey) -> String {
        let names = "/buckets/\(PercentCoding.encoded(key.bucket))/keys/\(PercentCoding.encoded(key.key))"
        return key.type == ByteBuffer(staticString: "default")
            ? names : "/types/\(PercentCoding.encoded(key.type))" + names
    }
}

/// The parts of a path between its slashes, still escaped.
private struct PathParts {
    struct Part {
        var bytes: UnsafeBufferPointer<UInt8>.SubSequence

        func decoded() throws(RequestFormError) -> ByteBuffer {
            var buffer = ByteBuffer()
            try PercentCoding.decode(bytes, into: &buffer)
            return buffer
        }

        func names(_ text: StaticString) -> Bool {
            bytes.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
    }

    private var rest: UnsafeBufferPointer<UInt8>.SubSequence
    private(set) var isAtEnd = false

    init(_ path: UnsafeBufferPointer<UInt8>.SubSequence) {
        rest = path
    }

    mutating func next() -> Part? {
        guard !isAtEnd else { return nil }
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else {
            isAtEnd = true
            return Part(bytes: rest)
        }
        let part = Part(bytes: rest[..<slash])
        rest = rest[(slash + 1)...]
        return part
    }

    /// Takes the next part; false if it is another one.
    mutating func skip(_ text: StaticString) -> Bool {
        next()?.names(text) ?? false
    }
}
