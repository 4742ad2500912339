public import NIOCore

/// RFC 4648 §4, as `X-Riak-Vclock` carries contexts.
public enum Base64 {
    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    public static func encoded(_ bytes: ByteBuffer) -> String {
        let digits = alphabet.utf8Start
        return bytes.withUnsafeReadableBytes { input in
            String(unsafeUninitializedCapacity: (input.count + 2) / 3 * 4) { output in
                var count = 0
                var index = 0
                while index < input.count {
                    let second = index + 1 < input.count ? Int(input[index + 1]) : 0
                    let third = index + 2 < input.count ? Int(input[index + 2]) : 0
                    let group = Int(input[index]) << 16 | second << 8 | third
                    output[count] = digits[group >> 18]
                    output[count + 1] = digits[group >> 12 & 63]
                    output[count + 2] = index + 1 < input.count ? digits[group >> 6 & 63] : UInt8(ascii: "=")
                    output[count + 3] = index + 2 < input.count ? digits[group & 63] : UInt8(ascii: "=")
                    count += 4
                    index += 3
                }
                return count
            }
        }
    }

    /// Nil for anything that ``encoded(_:)`` does not give: other characters, missing padding, loose bits at the end.
    public static func decoded(_ text: some StringProtocol) -> ByteBuffer? {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(text.utf8.count / 4 * 3)
        var group: UInt32 = 0
        var digits = 0
        var padding = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let digit = digit(byte) else { return nil }
            group = group << 6 | digit
            digits += 1
            if digits % 4 == 0 {
                buffer.writeInteger(UInt8(truncatingIfNeeded: group >> 16))
                buffer.writeInteger(UInt16(truncatingIfNeeded: group))
                group = 0
            }
        }
        switch (digits % 4, padding) {
        case (0, 0): return buffer
        case (2, 2):
            guard group & 0xf == 0 else { return nil }
            buffer.writeInteger(UInt8(truncatingIfNeeded: group >> 4))
            return buffer
        case (3, 1):
            guard group & 0x3 == 0 else { return nil }
            buffer.writeInteger(UInt16(truncatingIfNeeded: group >> 2))
            return buffer
        default: return nil
        }
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a") + 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0") + 52)
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
