import CEngineLoops
import Glibc
public import NIOCore

/// The keys and values of a run: the same bytes for every engine and every C loop.
///
/// Keys are random, so that puts meet the whole tree. Values are pieces of a pool of random bytes, so that neither a
/// file system nor a disk can compress them, and cost no generating while something is measured.
public struct BenchData: Sendable {
    public let keyCount: Int
    public let valueBytes: Int
    private let keys: ByteBuffer
    private let pool: ByteBuffer

    public static let keyBytes = Int(ENGINE_LOOP_KEY_BYTES)
    /// The values a key may have.
    public static let variants = Int(ENGINE_LOOP_VARIANTS)
    /// How many places of the pool a value can begin at.
    private static let span = 1 << 20

    /// - Precondition: `keyCount` and `valueBytes` are above 0.
    public init(keyCount: Int, valueBytes: Int, seed: UInt64) {
        precondition(keyCount > 0 && valueBytes > 0, "\(keyCount) keys, values of \(valueBytes) bytes")
        self.keyCount = keyCount
        self.valueBytes = valueBytes
        var random = BenchRandom(seed: seed)
        keys = Self.bytes(keyCount * Self.keyBytes, &random)
        pool = Self.bytes(valueBytes + Self.span - 1, &random)
    }

    /// The key and the value of one record.
    public var recordBytes: Int { Self.keyBytes + valueBytes }

    public func key(_ number: Int) -> ByteBuffer {
        piece(of: keys, at: number * Self.keyBytes, length: Self.keyBytes)
    }

    /// - Parameter variant: From 0 up to ``variants``.
    public func value(_ number: Int, variant: Int) -> ByteBuffer {
        let offset = engine_loop_value_offset(number, UInt32(variant), Self.span)
        return piece(of: pool, at: offset, length: valueBytes)
    }

    /// Whether the bytes are one of the values that the key may have.
    public func isValue(_ bytes: UnsafeRawBufferPointer, of number: Int) -> Bool {
        bytes.count == valueBytes
            && (0..<Self.variants).contains { variant in
                value(number, variant: variant).withUnsafeReadableBytes { expected in
                    guard let expected = expected.baseAddress, let found = bytes.baseAddress else { return false }
                    return memcmp(expected, found, bytes.count) == 0
                }
            }
    }

    /// For the C loops; valid during the call.
    func withLoopData<Value>(_ body: (UnsafePointer<engine_loop_data>) throws -> Value) rethrows -> Value {
        try keys.withUnsafeReadableBytes { keyBytes in
            try pool.withUnsafeReadableBytes { poolBytes in
                var data = engine_loop_data(
                    keys: keyBytes.bindMemory(to: UInt8.self).baseAddress, key_count: keyCount,
                    pool: poolBytes.bindMemory(to: UInt8.self).baseAddress, pool_bytes: poolBytes.count,
                    value_bytes: valueBytes)
                return try body(&data)
            }
        }
    }

    private func piece(of buffer: ByteBuffer, at index: Int, length: Int) -> ByteBuffer {
        guard let piece = buffer.getSlice(at: index, length: length) else {
            preconditionFailure("bytes \(index)+\(length) of \(buffer.readableBytes)")
        }
        return piece
    }

    private static func bytes(_ count: Int, _ random: inout BenchRandom) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            random.fill(UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]))
            return count
        }
        return buffer
    }
}

/// The C loops' generator, so that both draw keys in the same way.
struct BenchRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        engine_loop_next(&state)
    }

    mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        engine_loop_fill(&state, bytes.baseAddress, bytes.count)
    }

    /// A key and the variant of its value.
    mutating func record(of data: BenchData) -> (key: Int, variant: Int) {
        let drawn = next()
        return (Int(drawn >> 8) % data.keyCount, Int(drawn % UInt64(BenchData.variants)))
    }
}
