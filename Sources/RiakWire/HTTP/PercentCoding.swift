public import NIOCore

/// Percent-encoding of names in paths and queries, as Riak does it: `+` is a space as well.
public enum PercentCoding {
    /// Writes the decoded bytes of one path part, query name or value.
    static func decode(
        _ text: UnsafeBufferPointer<UInt8>.SubSequence, into buffer: inout ByteBuffer
    ) throws(RequestFormError) {
        buffer.reserveCapacity(minimumWritableBytes: text.count)
        var plain = text.startIndex
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            guard byte == UInt8(ascii: "%") || byte == UInt8(ascii: "+") else {
                index += 1
                continue
            }
            buffer.writeBytes(text[plain..<index])
            if byte == UInt8(ascii: "+") {
                buffer.writeInteger(UInt8(ascii: " "))
                index += 1
            } else {
                guard index + 2 < text.endIndex, let high = digit(text[index + 1]), let low = digit(text[index + 2])
                else { throw .badEscape(in: String(decoding: text, as: UTF8.self)) }
                buffer.writeInteger(high << 4 | low)
                index += 3
            }
            plain = index
        }
        buffer.writeBytes(text[plain..<text.endIndex])
    }

    public static func decoded(_ text: String) throws(RequestFormError) -> ByteBuffer {
        var text = text
        var result = Result<ByteBuffer, RequestFormError>.success(ByteBuffer())
        text.withUTF8 { bytes in
            do throws(RequestFormError) {
                var buffer = ByteBuffer()
                try decode(bytes[...], into: &buffer)
                result = .success(buffer)
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    /// All but letters, digits and `-._~` is escaped, a space too.
    public static func encoded(_ bytes: ByteBuffer) -> String {
        if bytes.readableBytesView.allSatisfy(isUnreserved) { return String(buffer: bytes) }
        var text = ""
        text.reserveCapacity(bytes.readableBytes)
        for byte in bytes.readableBytesView { append(byte, to: &text, isPlain: isUnreserved(byte)) }
        return text
    }

    static func append(_ byte: UInt8, to text: inout String, isPlain: Bool) {
        if isPlain {
            text.unicodeScalars.append(Unicode.Scalar(byte))
        } else {
            text += byte < 16 ? "%0" : "%"
            text += String(byte, radix: 16, uppercase: true)
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
