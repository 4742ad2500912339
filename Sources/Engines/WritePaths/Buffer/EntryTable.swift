import CXXHash
import NIOCore

/// What a generation holds of one key.
struct BufferedEntry {
    enum Content {
        case value(ByteBuffer)
        case deleted
        /// Nothing any more: it is in the engine.
        case drained
    }

    let key: ByteBuffer
    var content: Content
    let hash: UInt64

    /// Nil for a deleted key.
    var value: ByteBuffer? { if case .value(let value) = content { value } else { nil } }

    var isDrained: Bool { if case .drained = content { true } else { false } }
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
            entries[index].content = entry.content
            return before
        }
        entries.append(entry)
        // Half full at most.
        if entries.count * 2 > slots.count { rehash() } else { link(entries.count - 1) }
        return nil
    }

    /// Gives back what was there.
    mutating func set(_ content: BufferedEntry.Content, at index: Int) -> BufferedEntry.Content {
        let before = entries[index].content
        entries[index].content = content
        return before
    }

    /// The indices of the entries that are not drained, in the order of their keys.
    func sortedIndices() -> [UInt32] {
        sorted(entries.indices.filter { !entries[$0].isDrained })
    }

    func sortedIndices(in range: KeyRange) -> [UInt32] {
        sorted(entries.indices.filter { !entries[$0].isDrained && range.contains(entries[$0].key) })
    }

    /// By the keys' first eight bytes, which lie in the sorted array itself, and only where they are equal by the rest.
    private func sorted(_ indices: [Int]) -> [UInt32] {
        var order = indices.map { index in (prefix: Self.prefix(entries[index].key), index: UInt32(index)) }
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
