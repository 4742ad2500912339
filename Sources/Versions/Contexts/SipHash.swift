/// SipHash-2-4 (Aumasson and Bernstein), fed piece by piece: a keyed hash that is a sound authenticator for short
/// messages. An instance ends in either ``finish()`` or ``finishWide()``, as it was begun.
struct SipHash {
    private var v0, v1, v2, v3: UInt64
    /// Bytes that do not fill a word yet, the first in the lowest place.
    private var pending: UInt64 = 0
    private var length: UInt64 = 0
    private let isWide: Bool

    init(key: ContextKey, wide: Bool = false) {
        v0 = key.low ^ 0x736f_6d65_7073_6575
        v1 = key.high ^ 0x646f_7261_6e64_6f6d
        v2 = key.low ^ 0x6c79_6765_6e65_7261
        v3 = key.high ^ 0x7465_6462_7974_6573
        if wide { v1 ^= 0xee }
        isWide = wide
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        var filled = UInt64(length % 8)
        var position = 0
        length &+= UInt64(bytes.count)
        while filled > 0, position < bytes.count {
            pending |= UInt64(bytes[position]) << (8 * filled)
            position += 1
            filled += 1
            if filled == 8 {
                compress(pending)
                pending = 0
                filled = 0
            }
        }
        while bytes.count - position >= 8 {
            compress(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)))
            position += 8
        }
        while position < bytes.count {
            pending |= UInt64(bytes[position]) << (8 * filled)
            position += 1
            filled += 1
        }
    }

    /// Eight bytes, the lowest first.
    mutating func append(_ integer: UInt64) {
        withUnsafeBytes(of: integer.littleEndian) { append($0) }
    }

    mutating func finish() -> UInt64 {
        precondition(!isWide, "a hash begun as 128 bits ends in finishWide()")
        compress(pending | length << 56)
        v2 ^= 0xff
        return digest()
    }

    mutating func finishWide() -> (first: UInt64, second: UInt64) {
        precondition(isWide, "a hash begun as 64 bits ends in finish()")
        compress(pending | length << 56)
        v2 ^= 0xee
        let first = digest()
        v1 ^= 0xdd
        return (first, digest())
    }

    private mutating func digest() -> UInt64 {
        for _ in 0..<4 { round() }
        return v0 ^ v1 ^ v2 ^ v3
    }

    private mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    private mutating func round() {
        v0 &+= v1
        v1 = v1.rotated(13) ^ v0
        v0 = v0.rotated(32)
        v2 &+= v3
        v3 = v3.rotated(16) ^ v2
        v0 &+= v3
        v3 = v3.rotated(21) ^ v0
        v2 &+= v1
        v1 = v1.rotated(17) ^ v2
        v2 = v2.rotated(32)
    }
}

extension UInt64 {
    fileprivate func rotated(_ bits: UInt64) -> UInt64 {
        self << bits | self >> (64 - bits)
    }
}
