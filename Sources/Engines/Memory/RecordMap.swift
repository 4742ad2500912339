import NIOCore

/// A key and its value in one allocation, never changed once made, so that snapshots share it freely.
///
/// The bytes are copied in: a slice would keep the whole network buffer it was cut from.
final class Record: @unchecked Sendable {
    // Unchecked: immutable after init.
    private let bytes: UnsafeMutableRawBufferPointer
    private let keyLength: Int

    init(key: ByteBuffer, value: ByteBuffer) {
        keyLength = key.readableBytes
        bytes = .allocate(byteCount: key.readableBytes + value.readableBytes, alignment: 1)
        key.withUnsafeReadableBytes { bytes.copyMemory(from: $0) }
        value.withUnsafeReadableBytes {
            UnsafeMutableRawBufferPointer(rebasing: bytes[keyLength...]).copyMemory(from: $0)
        }
    }

    deinit {
        bytes.deallocate()
    }

    /// Valid while this record is alive.
    var key: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<keyLength]) }
    var value: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[keyLength...]) }
}

/// An ordered map as a sorted array of sorted chunks. A value type: a copy is a snapshot, and a write after it copies
/// the array of chunks and the chunks it touches.
struct RecordMap: Sendable {
    struct Position: Equatable {
        var chunk: Int
        var index: Int
    }

    private(set) var count = 0
    /// No chunk is empty.
    private var chunks: [[Record]] = []

    private static let maximumChunk = 128

    subscript(key: UnsafeRawBufferPointer) -> Record? {
        let position = lowerBound(key)
        guard let record = record(at: position), KeyOrder.compare(record.key, key) == 0 else { return nil }
        return record
    }

    /// The first record whose key is not below `key`.
    func lowerBound(_ key: UnsafeRawBufferPointer) -> Position {
        // The first chunk whose last key is not below `key` holds the place, if any does.
        let chunk = Self.firstIndex(0, chunks.count) {
            KeyOrder.compare(chunks[$0][chunks[$0].count - 1].key, key) >= 0
        }
        guard chunk < chunks.count else { return Position(chunk: chunk, index: 0) }
        let index = Self.firstIndex(0, chunks[chunk].count) { KeyOrder.compare(chunks[chunk][$0].key, key) >= 0 }
        return Position(chunk: chunk, index: index)
    }

    /// Nil at the end.
    func record(at position: Position) -> Record? {
        position.chunk < chunks.count ? chunks[position.chunk][position.index] : nil
    }

    func position(after position: Position) -> Position {
        position.index + 1 < chunks[position.chunk].count
            ? Position(chunk: position.chunk, index: position.index + 1)
            : Position(chunk: position.chunk + 1, index: 0)
    }

    mutating func put(_ record: Record) {
        var place = lowerBound(record.key)
        if let present = self.record(at: place), KeyOrder.compare(present.key, record.key) == 0 {
            chunks[place.chunk][place.index] = record
            return
        }
        count += 1
        if place.chunk == chunks.count {
            // Above every key: appended to the last chunk.
            // Keys that come in order leave full chunks behind them.
            guard let last = chunks.indices.last, chunks[last].count < Self.maximumChunk else {
                return chunks.append([record])
            }
            place = Position(chunk: last, index: chunks[last].count)
        }
        chunks[place.chunk].insert(record, at: place.index)
        split(place.chunk)
    }

    mutating func remove(_ key: UnsafeRawBufferPointer) {
        let place = lowerBound(key)
        guard let record = record(at: place), KeyOrder.compare(record.key, key) == 0 else { return }
        count -= 1
        chunks[place.chunk].remove(at: place.index)
        if chunks[place.chunk].isEmpty { chunks.remove(at: place.chunk) }
    }

    mutating func removeRange(_ range: KeyRange) {
        guard !range.isEmpty else { return }
        let start = range.lowerBound.withUnsafeReadableBytes(lowerBound)
        let end = range.upperBound?.withUnsafeReadableBytes(lowerBound) ?? Position(chunk: chunks.count, index: 0)
        guard start != end else { return }
        if start.chunk == end.chunk {
            chunks[start.chunk].removeSubrange(start.index..<end.index)
            count -= end.index - start.index
            if chunks[start.chunk].isEmpty { chunks.remove(at: start.chunk) }
            return
        }
        // The tail of the first chunk, the chunks between, the head of the last.
        count -= chunks[start.chunk].count - start.index
        chunks[start.chunk].removeSubrange(start.index...)
        for chunk in chunks[(start.chunk + 1)..<end.chunk] { count -= chunk.count }
        if end.chunk < chunks.count {
            count -= end.index
            chunks[end.chunk].removeSubrange(..<end.index)
        }
        let firstGone = chunks[start.chunk].isEmpty ? start.chunk : start.chunk + 1
        chunks.removeSubrange(firstGone..<end.chunk)
    }

    private mutating func split(_ chunk: Int) {
        guard chunks[chunk].count > Self.maximumChunk else { return }
        let upper = Array(chunks[chunk][(Self.maximumChunk / 2)...])
        chunks[chunk].removeSubrange((Self.maximumChunk / 2)...)
        chunks.insert(upper, at: chunk + 1)
    }

    /// The first of `low..<high` for which `predicate` holds, which it does for all after it; `high` if for none.
    private static func firstIndex(_ low: Int, _ high: Int, where predicate: (Int) -> Bool) -> Int {
        var low = low
        var high = high
        while low < high {
            let middle = low + (high - low) / 2
            if predicate(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
