import Engines
import NIOCore

/// The file of a ``VirtualEngine``: one record a commit, `length | checksum | number | synced | operations`.
///
/// `synced` is the number of the last commit that was on the disk for certain when the record was written. A record
/// that can't be read ends the log, as the torn end of what was not synced; unless a later one says that it was synced,
/// which makes it damage.
enum VirtualLog {
    static let name = "log"
    private static let headerLength = 28

    struct Recovery {
        var records = OrderedRecords()
        /// Of the last commit.
        var number: UInt64 = 0
        /// Where the next record goes.
        var length = 0
    }

    static func record(_ batch: WriteBatch, number: UInt64, synced: UInt64) -> [UInt8] {
        var payload = ByteBuffer()
        for operation in batch.operations {
            switch operation {
            case .put(let key, let value):
                payload.writeInteger(UInt8(1))
                write(key, into: &payload)
                write(value, into: &payload)
            case .delete(let key):
                payload.writeInteger(UInt8(2))
                write(key, into: &payload)
            case .deleteRange(let range):
                payload.writeInteger(UInt8(range.upperBound == nil ? 3 : 4))
                write(range.lowerBound, into: &payload)
                if let upper = range.upperBound { write(upper, into: &payload) }
            }
        }
        var record = ByteBuffer()
        record.writeInteger(UInt32(payload.readableBytes))
        record.writeInteger(UInt64(0))
        record.writeInteger(number)
        record.writeInteger(synced)
        record.writeImmutableBuffer(payload)
        var bytes = Array(record.readableBytesView)
        seal(&bytes, 0..<bytes.count)
        return bytes
    }

    static func recover(_ bytes: [UInt8]) throws(EngineError) -> Recovery {
        var recovery = Recovery()
        while let record = record(in: bytes, at: recovery.length) {
            for operation in operations(in: bytes, record.payload) { recovery.records.apply(operation) }
            recovery.number = record.number
            recovery.length = record.payload.upperBound
        }
        var offset = recovery.length + 1
        while offset + headerLength <= bytes.count {
            let number = integer(bytes, offset + 12)
            let synced = integer(bytes, offset + 20)
            if number > recovery.number, number &- recovery.number < 1 << 32, synced > recovery.number,
                record(in: bytes, at: offset) != nil
            {
                throw EngineError(
                    .damaged, operation: "open",
                    detail: "the record at \(recovery.length) cannot be read, though \(synced) commits were synced")
            }
            offset += 1
        }
        return recovery
    }

    /// A bit flips in each value of `key`, behind the checksums' back: damage that only the value's reader can find.
    static func damage(_ bytes: inout [UInt8], _ key: ByteBuffer, bit: Int) {
        var offset = 0
        while let record = record(in: bytes, at: offset) {
            for operation in operations(in: bytes, record.payload) {
                guard case .put(key, let value, let range) = operation, value.readableBytes > 0 else { continue }
                bytes[range.lowerBound + (bit / 8) % range.count] ^= 1 << (bit % 8)
            }
            seal(&bytes, offset..<record.payload.upperBound)
            offset = record.payload.upperBound
        }
    }

    // MARK: Inside

    enum StoredOperation {
        /// With the value's place in the log.
        case put(ByteBuffer, ByteBuffer, Range<Int>)
        case delete(ByteBuffer)
        case deleteRange(KeyRange)
    }

    private static func record(in bytes: [UInt8], at offset: Int) -> (number: UInt64, payload: Range<Int>)? {
        guard offset + headerLength <= bytes.count else { return nil }
        let length = Int(integer(bytes, offset) >> 32)
        let end = offset + headerLength + length
        guard end <= bytes.count, integer(bytes, offset + 4) == checksum(bytes, offset..<end) else { return nil }
        return (integer(bytes, offset + 12), offset + headerLength..<end)
    }

    private static func operations(in bytes: [UInt8], _ payload: Range<Int>) -> [StoredOperation] {
        var operations: [StoredOperation] = []
        var position = payload.lowerBound
        func next() -> Range<Int> {
            let length = Int(integer(bytes, position) >> 32)
            defer { position += 4 + length }
            return position + 4..<position + 4 + length
        }
        while position < payload.upperBound {
            let kind = bytes[position]
            position += 1
            let first = ByteBuffer(bytes: bytes[next()])
            switch kind {
            case 1:
                let range = next()
                operations.append(.put(first, ByteBuffer(bytes: bytes[range]), range))
            case 2: operations.append(.delete(first))
            case 3: operations.append(.deleteRange(KeyRange(from: first, to: nil)))
            default: operations.append(.deleteRange(KeyRange(from: first, to: ByteBuffer(bytes: bytes[next()]))))
            }
        }
        return operations
    }

    private static func write(_ part: ByteBuffer, into payload: inout ByteBuffer) {
        payload.writeInteger(UInt32(part.readableBytes))
        payload.writeImmutableBuffer(part)
    }

    private static func seal(_ bytes: inout [UInt8], _ record: Range<Int>) {
        let checksum = checksum(bytes, record)
        for byte in 0..<8 {
            bytes[record.lowerBound + 4 + byte] = UInt8(truncatingIfNeeded: checksum >> (56 - 8 * byte))
        }
    }

    /// Of all of a record but the checksum's own place.
    private static func checksum(_ bytes: [UInt8], _ record: Range<Int>) -> UInt64 {
        bytes.withUnsafeBytes { bytes in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            func mix(_ word: UInt64) {
                hash = (hash ^ word) &* 0x0000_0100_0000_01B3
                hash ^= hash >> 29
            }
            mix(UInt64(record.count))
            var position = record.lowerBound + 12
            while position + 8 <= record.upperBound {
                mix(bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian)
                position += 8
            }
            while position < record.upperBound {
                mix(UInt64(bytes[position]) | 0x100)
                position += 1
            }
            return hash
        }
    }

    /// Eight bytes, big-endian; where fewer are left, as if zeros followed.
    private static func integer(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        var integer: UInt64 = 0
        for index in offset..<offset + 8 { integer = integer << 8 | (index < bytes.count ? UInt64(bytes[index]) : 0) }
        return integer
    }
}

extension OrderedRecords {
    mutating func apply(_ operation: VirtualLog.StoredOperation) {
        var batch = WriteBatch()
        switch operation {
        case .put(let key, let value, _): batch.put(value, for: key)
        case .delete(let key): batch.delete(key)
        case .deleteRange(let range): batch.deleteRange(range)
        }
        apply(batch)
    }
}
