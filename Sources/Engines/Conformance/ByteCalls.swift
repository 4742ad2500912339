import Glibc
import NIOCore

typealias Bytes = [UInt8]

extension Bytes {
    /// The order the contract asks for, on its own feet: not what the engines compare with.
    func isBelow(_ other: Bytes) -> Bool {
        let order = memcmp(self, other, Swift.min(count, other.count))
        return order == 0 ? count < other.count : order < 0
    }

    /// As `==`, which is slow for megabytes in a build that is not optimized.
    func isSame(as other: UnsafeRawBufferPointer) -> Bool {
        count == other.count && withUnsafeBytes { KeyOrder.compare($0, other) == 0 }
    }

    func isIn(_ lower: Bytes, _ upper: Bytes?) -> Bool {
        !isBelow(lower) && (upper.map(isBelow) ?? true)
    }
}

/// The protocol's calls with arrays of bytes: short to write in a check.
extension LocalPersistenceEngine {
    func value(_ key: Bytes) throws -> Bytes? {
        var result: Bytes?
        var calls = 0
        try read(ByteBuffer(bytes: key)) { bytes in
            calls += 1
            result = bytes.map { Bytes($0) }
        }
        try expect(calls == 1, "read of \(brief(key)) called its body \(calls) times")
        return result
    }

    func holds(_ value: Bytes, under key: Bytes) throws -> Bool {
        var isSame = false
        try read(ByteBuffer(bytes: key)) { bytes in isSame = bytes.map(value.isSame) ?? false }
        return isSame
    }

    func put(_ value: Bytes, for key: Bytes, _ durability: Durability = .unsynced) throws {
        try write(durability) { $0.put(value, for: key) }
    }

    func write(_ durability: Durability = .unsynced, _ fill: (inout WriteBatch) -> Void) throws {
        var batch = WriteBatch()
        fill(&batch)
        try commit(batch, durability: durability)
    }

    func entries(from lower: Bytes = [], to upper: Bytes? = nil) throws -> [Entry] {
        var result: [Entry] = []
        try scan(KeyRange(lower, upper)) { key, value in
            result.append(Entry(key: Bytes(key), value: Bytes(value)))
            return .proceed
        }
        return result
    }

    /// Fails unless the engine holds exactly what the model holds, in order.
    func expectEqual(_ model: [Bytes: Bytes], _ when: String, from lower: Bytes = [], to upper: Bytes? = nil) throws {
        let expected = model.filter { $0.key.isIn(lower, upper) }
            .map { Entry(key: $0.key, value: $0.value) }.sorted { $0.key.isBelow($1.key) }
        let found = try entries(from: lower, to: upper)
        if found == expected { return }
        let place = zip(found, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        let index = place ?? min(found.count, expected.count)
        throw ConformanceViolation(
            """
            \(when): a scan found \(found.count) entries, expected \(expected.count); at \(index) it has \
            \(index < found.count ? found[index].description : "the end"), expected \
            \(index < expected.count ? expected[index].description : "the end")
            """)
    }
}

struct Entry: Equatable, CustomStringConvertible {
    var key: Bytes
    var value: Bytes

    static func == (left: Entry, right: Entry) -> Bool {
        right.key.withUnsafeBytes(left.key.isSame) && right.value.withUnsafeBytes(left.value.isSame)
    }

    var description: String { "\(brief(key)) = \(brief(value))" }
}

extension KeyRange {
    init(_ lower: Bytes, _ upper: Bytes?) {
        self.init(from: ByteBuffer(bytes: lower), to: upper.map { ByteBuffer(bytes: $0) })
    }
}

extension WriteBatch {
    mutating func put(_ value: Bytes, for key: Bytes) {
        put(ByteBuffer(bytes: value), for: ByteBuffer(bytes: key))
    }

    mutating func delete(_ key: Bytes) {
        delete(ByteBuffer(bytes: key))
    }

    mutating func deleteRange(_ lower: Bytes, _ upper: Bytes?) {
        deleteRange(KeyRange(lower, upper))
    }
}

/// Bytes for a message: the length and the first few in hexadecimal.
func brief(_ bytes: Bytes) -> String {
    let digits = bytes.prefix(12).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return bytes.count <= 12 ? "[\(digits)]" : "[\(digits)…, \(bytes.count) bytes]"
}

/// A small seeded generator: a failing check prints its seed.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> Bytes {
        Bytes(unsafeUninitializedCapacity: count) { buffer, filled in
            let words = UnsafeMutableRawBufferPointer(buffer)
            while filled + 8 <= count {
                words.storeBytes(of: next(), toByteOffset: filled, as: UInt64.self)
                filled += 8
            }
            while filled < count {
                buffer[filled] = UInt8(truncatingIfNeeded: next())
                filled += 1
            }
        }
    }
}
