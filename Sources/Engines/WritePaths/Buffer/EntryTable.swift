import CXXHash
import NIOCore

/// What a generation holds of one key: a value, or that there is none.
struct BufferedEntry {
    let key: ByteBuffer
    /// Nil for a deleted key.
    var value: ByteBuffer?
    let hash: UInt64
}

/// A hash map from keys to entries, which keeps them in the order in which they came. A value type: a copy is a
/// snapshot, and the first change after it copies.
struct EntryTable {
    private(set) var entries: ContiguousArray<BufferedEntry> = []
    /// Open addressing: the hash's upper half, and the entry's index + 1; 0 where it is free.
    private var slots: [UInt64] = []

    private static let indexMask: UInt64 = 0xFFFF_FFFF

    static func hash(_ key: ByteBuffer) -> UInt64 {
        key.withUnsafeReadableBytes { XXH3_64bits($0.baseAddress, $0.count) }
    }

    func index(of key: ByteBuffer, hash: UInt64) -> Int? {
        guard !slots.isEmpty else { return nil }
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            if (slots[slot] ^ hash) & ~Self.indexMask == 0 {
                let index = Int(slots[slot] & Self.indexMask) - 1
                if entries[index].hash == hash, entries[index].key == key { return index }
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Gives back the entry that was there.
    mutating func put(_ entry: BufferedEntry) -> BufferedEntry? {
        if let index = index(of: entry.key, hash: entry.hash) {
            let before = entries[index]
            entries[index].value = entry.value
            return before
        }
        entries.append(entry)
        // Half full at most.
        if entries.count * 2 > slots.count { rehash() } else { link(entries.count - 1) }
        return nil
    }

    mutating func deleteValue(at index: Int) {
        entries[index].value = nil
    }

    /// The indices of the entries in the order of their keys.
    func sortedIndices() -> [UInt32] {
        Self.sorted(entries, Array(0..<UInt32(entries.count)))
    }

    func sortedIndices(in range: KeyRange) -> [UInt32] {
        let indices = entries.indices.filter { range.contains(entries[$0].key) }
        return Self.sorted(entries, indices.map { UInt32($0) })
    }

    /// By the keys' first eight bytes, which lie in the sorted array itself, and only where they are equal by the rest.
    private static func sorted(_ entries: ContiguousArray<BufferedEntry>, _ indices: [UInt32]) -> [UInt32] {
        var order = indices.map { index in (prefix: prefix(entries[Int(index)].key), index: index) }
        order.sort { left, right in
            if left.prefix != right.prefix { return left.prefix < right.prefix }
            return KeyOrder.compare(entries[Int(left.index)].key, entries[Int(right.index)].key) < 0
        }
        return order.map(\.index)
    }

    /// Big-endian; where the key is shorter, as if zeros followed: then it is equal to others, not above them.
    private static func prefix(_ key: ByteBuffer) -> UInt64 {
        key.withUnsafeReadableBytes { bytes in
            if bytes.count >= 8 { return UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)) }
            var prefix: UInt64 = 0
            for index in 0..<8 { prefix = prefix << 8 | (index < bytes.count ? UInt64(bytes[index]) : 0) }
            return prefix
        }
    }

    private mutating func rehash() {
        slots = [UInt64](repeating: 0, count: max(64, slots.count * 2))
        for index in entries.indices { link(index) }
    }

    private mutating func link(_ index: Int) {
        let hash = entries[index].hash
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = hash & ~Self.indexMask | UInt64(index + 1)
    }
}

extension KeyRange {
    func contains(_ key: ByteBuffer) -> Bool {
        key.withUnsafeReadableBytes { contains($0) }
    }

    func contains(_ key: UnsafeRawBufferPointer) -> Bool {
        withBounds { lower, upper in
            guard KeyOrder.compare(key, lower) >= 0 else { return false }
            guard let upper else { return true }
            return KeyOrder.compare(key, upper) < 0
        }
    }
}
