public import NIOCore

/// `multipart/mixed` as Riak writes siblings: each part is CRLF `--BOUNDARY` CRLF, headers, CRLF CRLF, value; at the
/// end CRLF `--BOUNDARY--` CRLF. Clients need the line break before the first boundary and the one after the last.
public struct MultipartMixed: Sendable {
    public struct Part: Sendable {
        public var headers: [(name: String, value: String)]
        public var body: ByteBuffer

        public init(headers: [(name: String, value: String)], body: ByteBuffer) {
            self.headers = headers
            self.body = body
        }

        /// The first header of that name, without regard to case.
        public func header(_ name: String) -> String? {
            let lower = name.lowercased()
            return headers.first { $0.name.lowercased() == lower }?.value
        }
    }

    public var boundary: String
    public var parts: [Part]

    /// - Parameter tag: Makes the boundary; the same tag and parts give the same bytes.
    public init(parts: [Part], tag: String) {
        self.parts = parts
        boundary = "rotor-" + tag
        var attempt = 0
        while parts.contains(where: { $0.contains(boundary) }) {
            attempt += 1
            boundary = "rotor-\(tag)-\(attempt)"
        }
    }

    public var contentType: String { "multipart/mixed; boundary=\(boundary)" }

    public func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        let size = parts.reduce(boundary.utf8.count + 8) { sum, part in
            let headers = part.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
            return sum + boundary.utf8.count + 8 + headers + part.body.readableBytes
        }
        buffer.reserveCapacity(size)
        for part in parts {
            buffer.writeString("\r\n--\(boundary)\r\n")
            for (index, header) in part.headers.enumerated() {
                if index > 0 { buffer.writeStaticString("\r\n") }
                buffer.writeString(header.name)
                buffer.writeStaticString(": ")
                buffer.writeString(header.value)
            }
            buffer.writeStaticString("\r\n\r\n")
            buffer.writeImmutableBuffer(part.body)
        }
        buffer.writeString("\r\n--\(boundary)--\r\n")
        return buffer
    }
}

extension MultipartMixed.Part {
    fileprivate func contains(_ boundary: String) -> Bool {
        headers.contains { $0.value.utf8.count >= boundary.utf8.count && $0.value.contains(boundary) }
            || body.firstIndex(of: Array(boundary.utf8), from: 0) != nil
    }
}

extension ByteBuffer {
    /// Where `pattern` begins, counted from the first readable byte.
    func firstIndex(of pattern: [UInt8], from start: Int) -> Int? {
        withUnsafeReadableBytes { bytes in
            guard let first = pattern.first else { return nil }
            var index = start
            while index + pattern.count <= bytes.count {
                guard let found = bytes[index...].firstIndex(of: first), found + pattern.count <= bytes.count else {
                    return nil
                }
                if bytes[found..<(found + pattern.count)].elementsEqual(pattern) { return found }
                index = found + 1
            }
            return nil
        }
    }
}

/// Why a body is no `multipart/mixed` of its boundary.
public enum MultipartError: Error, Hashable, Sendable, CustomStringConvertible {
    case noBoundary(contentType: String)
    /// The boundary that should come at or after this byte does not.
    case boundaryMissing(offset: Int)
    case badHeader(String)

    public var description: String {
        switch self {
        case .noBoundary(let contentType): "'\(contentType)' is no multipart/mixed with a boundary"
        case .boundaryMissing(let offset): "the multipart body has no boundary after byte \(offset)"
        case .badHeader(let line): "a part of the multipart body has the header line '\(line)'"
        }
    }
}

extension MultipartMixed {
    /// Reads a body; the parts' bodies are slices of it.
    public init(decoding body: ByteBuffer, contentType: String) throws(MultipartError) {
        guard let parameters = ParameterList.split(contentType[...], at: UInt8(ascii: ";")),
            parameters.first?.trimmed.isHeader("multipart/mixed") == true,
            let boundary = parameters.lazy.compactMap({ ParameterList.nameAndValue($0.trimmed) })
                .first(where: { $0.name.isHeader("boundary") })?.value
        else { throw .noBoundary(contentType: contentType) }
        self.boundary = boundary
        parts = []
        let delimiter = Array("--\(boundary)".utf8)
        guard var position = body.firstIndex(of: delimiter, from: 0) else { throw .boundaryMissing(offset: 0) }
        while true {
            position += delimiter.count
            let following = body.getBytes(at: body.readerIndex + position, length: 2)
            if following == Array("--".utf8) { return }
            guard following == Array("\r\n".utf8),
                let end = body.firstIndex(of: Array("\r\n".utf8) + delimiter, from: position)
            else { throw .boundaryMissing(offset: position) }
            // The line break before a boundary belongs to it; a part without headers begins with the empty line.
            let slice = body.getSlice(at: body.readerIndex + position, length: end - position) ?? ByteBuffer()
            parts.append(try Part(decoding: slice))
            position = end + 2
        }
    }
}

extension MultipartMixed.Part {
    /// - Parameter bytes: From the line break before the first header to the end of the body.
    fileprivate init(decoding bytes: ByteBuffer) throws(MultipartError) {
        guard let end = bytes.firstIndex(of: Array("\r\n\r\n".utf8), from: 0) else {
            throw .boundaryMissing(offset: 0)
        }
        var rest = bytes
        let text = rest.readString(length: end) ?? ""
        rest.moveReaderIndex(forwardBy: 4)
        body = rest.slice()
        headers = []
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            let line = Substring(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
            if line.isEmpty { continue }
            guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { throw .badHeader(String(line)) }
            headers.append(
                (String(line[..<colon].trimmed), String(line[line.utf8.index(after: colon)...].trimmed)))
        }
    }
}
