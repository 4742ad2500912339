import NIOCore

/// Reads HTTP/1.1 answers off a connection, as far as a load generator needs them: a node's answers have a length and
/// no chunks, and their headers are few.
struct HTTPAnswerReader {
    struct Head: Equatable {
        var status: Int
        var bodyBytes: Int
        /// `X-Rotor-Failure`.
        var failure: String?
        /// `X-Riak-Vclock`.
        var context: String?
        /// `Retry-After` is there.
        var saysWhen = false
        var closes: Bool
    }

    enum Failure: Error, Equatable {
        case noAnswer(String)
    }

    private var buffer = ByteBuffer()
    private var head: Head?

    mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole answer, its body thrown away; nil until there is one.
    ///
    /// - Parameter hasBody: False for the answer to a HEAD, which only tells the length.
    mutating func next(hasBody: Bool) throws(Failure) -> Head? {
        if head == nil { head = try readHead() }
        guard let head else { return nil }
        let length = hasBody && head.status != 204 && head.status != 304 ? head.bodyBytes : 0
        guard buffer.readableBytes >= length else { return nil }
        buffer.moveReaderIndex(forwardBy: length)
        self.head = nil
        return head
    }

    private mutating func readHead() throws(Failure) -> Head? {
        let found = buffer.withUnsafeReadableBytes { bytes -> (head: Head?, length: Int)? in
            guard let end = Self.end(bytes) else { return nil }
            return (Self.parse(UnsafeRawBufferPointer(rebasing: bytes[..<end])), end + 4)
        }
        guard let found else {
            guard buffer.readableBytes < 64 << 10 else { throw .noAnswer("64 KiB without an end of the headers") }
            return nil
        }
        guard let head = found.head else {
            throw .noAnswer(
                String(buffer: buffer.getSlice(at: buffer.readerIndex, length: min(40, found.length)) ?? buffer))
        }
        buffer.moveReaderIndex(forwardBy: found.length)
        return head
    }

    /// Where the empty line begins, at the line break before it.
    private static func end(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var index = 0
        while index + 4 <= bytes.count {
            guard let found = bytes[index...].firstIndex(of: UInt8(ascii: "\r")), found + 4 <= bytes.count else {
                return nil
            }
            if bytes[found + 1] == 10, bytes[found + 2] == 13, bytes[found + 3] == 10 { return found }
            index = found + 1
        }
        return nil
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer) -> Head? {
        guard bytes.starts(with: "HTTP/1.1 ".utf8), bytes.count >= 12 else { return nil }
        var head = Head(status: 0, bodyBytes: 0, closes: false)
        for byte in bytes[9..<12] {
            guard (0x30...0x39).contains(byte) else { return nil }
            head.status = head.status * 10 + Int(byte - 0x30)
        }
        for line in bytes.split(separator: UInt8(ascii: "\n")).dropFirst() {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let name = line[..<colon]
            let value = line[(colon + 1)...]
            // The length tells most headers apart.
            switch name.count {
            case 10 where isName(name, "connection"): head.closes = text(value) == "close"
            case 11 where isName(name, "retry-after"): head.saysWhen = true
            case 13 where isName(name, "x-riak-vclock"): head.context = text(value)
            case 14 where isName(name, "content-length"):
                guard let length = Int(text(value)), length >= 0 else { return nil }
                head.bodyBytes = length
            case 15 where isName(name, "x-rotor-failure"): head.failure = text(value)
            default: break
            }
        }
        return head
    }

    private static func isName(_ bytes: Slice<UnsafeRawBufferPointer>, _ lower: StaticString) -> Bool {
        let expected = UnsafeBufferPointer(start: lower.utf8Start, count: lower.utf8CodeUnitCount)
        return bytes.elementsEqual(expected) { $0 | 0x20 == $1 }
    }

    private static func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        let trimmed = bytes.drop { $0 == 0x20 }
        return String(decoding: trimmed.last == UInt8(ascii: "\r") ? trimmed.dropLast() : trimmed, as: UTF8.self)
    }
}
