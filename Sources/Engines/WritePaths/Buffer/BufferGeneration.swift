import NIOCore

/// Batches that reach the engine together: ranges to delete, then what stands under single keys.
///
/// Changed under the buffer's lock: by batches until it is frozen, then by the one thread that brings it to the engine,
/// which itself reads it without.
final class BufferGeneration: @unchecked Sendable {
    // Unchecked: see above.

    private(set) var table = EntryTable()
    /// In the order in which they came. What was put into one of them later stands in the table.
    private(set) var ranges: [KeyRange] = []
    /// As ``WritePathOptions/bufferBytes`` counts.
    private(set) var bytes = 0
    /// Of the newest batch in it; 0 for none.
    private(set) var lastNumber: UInt64 = 0
    /// Scans that saw it while it took batches, and have not yet taken their snapshot of the engine: until they have,
    /// it must not reach the engine.
    var startingScans = 0

    var isEmpty: Bool { lastNumber == 0 }
    /// That are not drained.
    private(set) var objects = 0

    enum Finding {
        case value(ByteBuffer)
        case deleted
    }

    func find(_ key: ByteBuffer, hash: UInt64) -> Finding? {
        if let index = table.index(of: key, hash: hash) {
            switch table.entries[index].content {
            case .value(let value): return .value(value)
            case .deleted: return .deleted
            case .drained: return nil
            }
        }
        return ranges.contains { $0.contains(key) } ? .deleted : nil
    }

    func apply(_ batch: WriteBatch, number: UInt64) {
        lastNumber = number
        for operation in batch.operations {
            switch operation {
            case .put(let key, let value): put(key, value.unpinned)
            case .delete(let key): put(key, nil)
            case .deleteRange(let range): delete(range)
            }
        }
    }

    /// Adds to `batch` what carries it to the engine: the ranges, then about so many bytes of the entries of `order`
    /// (``EntryTable/sortedIndices()``), from `next` on. `next` is then where the next batch begins. Gives back the
    /// bytes of keys and values.
    func fill(_ batch: inout WriteBatch, with order: [UInt32], from next: inout Int, upTo most: Int) -> Int {
        for range in ranges { batch.deleteRange(sparing: AppliedRecord.key, range) }
        var bytes = 0
        while next < order.count, bytes < most {
            let entry = table.entries[Int(order[next])]
            next += 1
            bytes += entry.key.readableBytes + (entry.value?.readableBytes ?? 0)
            if let value = entry.value { batch.put(value, for: entry.key) } else { batch.delete(entry.key) }
        }
        return bytes
    }

    /// The ranges and these entries are in the engine. Gives back what they held, which takes its time to free.
    func drain(_ indices: ArraySlice<UInt32>) -> [BufferedEntry.Content] {
        for range in ranges { bytes -= Self.cost(range) }
        ranges = []
        objects -= indices.count
        return indices.map { index in
            let entry = table.entries[Int(index)]
            bytes -= Self.cost(entry.key) + (entry.value?.readableBytes ?? 0)
            return table.set(.drained, at: Int(index))
        }
    }

    private func put(_ key: ByteBuffer, _ value: ByteBuffer?) {
        let content = value.map(BufferedEntry.Content.value) ?? .deleted
        let before = table.put(BufferedEntry(key: key.unpinned, content: content, hash: EntryTable.hash(key)))
        bytes += value?.readableBytes ?? 0
        if let before {
            bytes -= before.value?.readableBytes ?? 0
        } else {
            objects += 1
            bytes += Self.cost(key)
        }
    }

    private func delete(_ range: KeyRange) {
        guard !range.isEmpty else { return }
        for index in table.entries.indices where range.contains(table.entries[index].key) {
            bytes -= table.entries[index].value?.readableBytes ?? 0
            _ = table.set(.deleted, at: index)
        }
        for covered in ranges where range.covers(covered) { bytes -= Self.cost(covered) }
        ranges.removeAll { range.covers($0) }
        ranges.append(
            KeyRange(from: range.lowerBound.unpinned, to: range.upperBound?.unpinned))
        bytes += Self.cost(range)
    }

    private static func cost(_ key: ByteBuffer) -> Int { key.readableBytes + WritePathOptions.objectOverhead }

    private static func cost(_ range: KeyRange) -> Int { cost(range.lowerBound) }
}

extension ByteBuffer {
    /// These bytes alone, where they are a small part of a large allocation that they would keep alive.
    var unpinned: ByteBuffer {
        storageCapacity > 2 * readableBytes + 1024 ? ByteBuffer(bytes: readableBytesView) : self
    }
}

extension KeyRange {
    func covers(_ other: KeyRange) -> Bool {
        guard KeyOrder.compare(lowerBound, other.lowerBound) <= 0 else { return false }
        guard let upperBound else { return true }
        return other.upperBound.map { KeyOrder.compare($0, upperBound) <= 0 } ?? false
    }
}

extension WriteBatch {
    /// Deletes all of the range but one key.
    mutating func deleteRange(sparing key: ByteBuffer, _ range: KeyRange) {
        guard range.contains(key) else { return deleteRange(range) }
        var next = ByteBuffer(bytes: key.readableBytesView)
        next.writeInteger(UInt8(0))
        deleteRange(KeyRange(from: range.lowerBound, to: key))
        deleteRange(KeyRange(from: next, to: range.upperBound))
    }

    /// What buffering it costs, as ``WritePathOptions/bufferBytes`` counts.
    var bufferedCost: Int { byteCount + operations.count * WritePathOptions.objectOverhead }

    /// Whether it can only make room.
    package var onlyDeletes: Bool {
        operations.allSatisfy { if case .put = $0 { false } else { true } }
    }
}
