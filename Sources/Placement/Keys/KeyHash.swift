public import NIOCore

/// Where a key lies on the ring: 128 bits (Dynamo §4.2), the 16 bytes of an MD5 digest read big-endian.
public struct KeyHash: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The MD5 digest of the buffer's readable bytes.
    public init(hashing bytes: ByteBuffer) {
        self = bytes.withUnsafeReadableBytes { MD5.hash($0) }
    }

    public static func < (left: KeyHash, right: KeyHash) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// 32 lower-case hexadecimal digits, as `md5sum` prints them.
    public var description: String { high.hexadecimal + low.hexadecimal }
}

extension UInt64 {
    /// 16 lower-case digits.
    var hexadecimal: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
