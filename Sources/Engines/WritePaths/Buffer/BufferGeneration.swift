import NIOCore

/// Batches that reach the engine together, in one transaction: ranges to delete, then what stands under single keys.
///
/// Changed under the buffer's lock until it is frozen, constant from then on but for `startingScans`.
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
    var objects: Int { table.entries.count }

    enum Finding {
        case value(ByteBuffer)
        case deleted
    }

    func find(_ key: ByteBuffer, hash: UInt64) -> Finding? {
        if let index = table.index(of: key, hash: hash) {
            return table.entries[index].value.map(Finding.value) ?? .deleted
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

    /// The transaction that carries it to the engine, in the order of the keys, and the bytes of keys and values in it.
    func transaction() -> (batch: WriteBatch, bytes: Int) {
        var batch = WriteBatch()
        var bytes = 0
        for range in ranges { batch.deleteRange(sparing: AppliedRecord.key, range) }
        for index in table.sortedIndices() {
            let entry = table.entries[Int(index)]
            bytes += entry.key.readableBytes + (entry.value?.readableBytes ?? 0)
            if let value = entry.value { batch.put(value, for: entry.key) } else { batch.delete(entry.key) }
        }
        return (batch, bytes)
    }

    private func put(_ key: ByteBuffer, _ value: ByteBuffer?) {
        let before = table.put(BufferedEntry(key: key.unpinned, value: value, hash: EntryTable.hash(key)))
        bytes += value?.readableBytes ?? 0
        if let before {
            bytes -= before.value?.readableBytes ?? 0
        } else {
            bytes += key.readableBytes + WritePathOptions.objectOverhead
        }
    }

    private func delete(_ range: KeyRange) {
        guard !range.isEmpty else { return }
        for index in table.entries.indices where range.contains(table.entries[index].key) {
            bytes -= table.entries[index].value?.readableBytes ?? 0
            table.deleteValue(at: index)
        }
        ranges.removeAll { range.covers($0) }
        ranges.append(
            KeyRange(from: range.lowerBound.unpinned, to: range.upperBound?.unpinned))
        bytes += range.lowerBound.readableBytes + WritePathOptions.objectOverhead
    }
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
