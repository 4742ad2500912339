import Engines
import NIOCore

/// Keys and values in the engines' order (unsigned bytes). A value type: a copy is a snapshot.
struct OrderedRecords {
    private(set) var keys: [ByteBuffer] = []
    private(set) var values: [ByteBuffer] = []

    subscript(key: ByteBuffer) -> ByteBuffer? {
        let index = firstIndex(notBelow: key)
        return index < keys.count && keys[index] == key ? values[index] : nil
    }

    mutating func apply(_ batch: WriteBatch) {
        for operation in batch.operations {
            switch operation {
            case .put(let key, let value): put(value, for: key)
            case .delete(let key):
                let index = firstIndex(notBelow: key)
                guard index < keys.count, keys[index] == key else { continue }
                keys.remove(at: index)
                values.remove(at: index)
            case .deleteRange(let range):
                let indices = indices(in: range)
                keys.removeSubrange(indices)
                values.removeSubrange(indices)
            }
        }
    }

    mutating func put(_ value: ByteBuffer, for key: ByteBuffer) {
        let index = firstIndex(notBelow: key)
        if index < keys.count, keys[index] == key {
            values[index] = value
        } else {
            keys.insert(key, at: index)
            values.insert(value, at: index)
        }
    }

    var byteCount: Int {
        keys.reduce(0) { $0 + $1.readableBytes } + values.reduce(0) { $0 + $1.readableBytes }
    }

    func indices(in range: KeyRange) -> Range<Int> {
        let lower = firstIndex(notBelow: range.lowerBound)
        let upper = range.upperBound.map { firstIndex(notBelow: $0) } ?? keys.count
        return lower..<max(lower, upper)
    }

    private func firstIndex(notBelow key: ByteBuffer) -> Int {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            let isBelow = keys[middle].withUnsafeReadableBytes { stored in
                key.withUnsafeReadableBytes { stored.lexicographicallyPrecedes($0) }
            }
            if isBelow { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
