import CXXHash
import NIOCore

/// What the checksums of a segment's records begin with: which log's it is, and the segment's generation.
///
/// A recycled segment is full of records that were valid in the generation before; and since the identity is drawn at
/// random, nobody can put a record into the log by storing its bytes as a value.
struct LogSeed {
    let value: UInt64

    init(identity: UInt64, generation: UInt64) {
        value = withUnsafeBytes(of: (identity.littleEndian, generation.littleEndian)) {
            XXH3_64bits($0.baseAddress, $0.count)
        }
    }
}

/// A record of the log: one commit, or the empty one with which a segment begins.
///
/// `checksum (XXH3, 64 bits) | mark | length of the operations | number | synced | operations`, all little-endian, and
/// zeros up to a multiple of ``alignment``. The checksum covers the rest and has ``LogSeed`` as its seed.
///
/// `number` goes up by one with each commit. `synced` is the highest number that was on the disk for certain when the
/// record was written: all up to it must be readable, what is above it may be torn.
struct LogRecord {
    var number: UInt64
    var synced: UInt64
    /// Where its operations stand in the segment. Empty in a segment's first record, whose number is that of the
    /// commit before the segment's first.
    var operations: Range<Int>
    /// Where the next one begins.
    var end: Int

    static let headerLength = 32
    static let alignment = 8
    private static let mark: UInt32 = 0x474F_4C52

    static func aligned(_ length: Int) -> Int { (length + alignment - 1) & ~(alignment - 1) }

    static func length(of batch: WriteBatch) -> Int {
        batch.operations.reduce(headerLength) { sum, operation in
            switch operation {
            case .put(let key, let value): sum + 9 + key.readableBytes + value.readableBytes
            case .delete(let key): sum + 5 + key.readableBytes
            case .deleteRange(let range):
                sum + 5 + range.lowerBound.readableBytes + (range.upperBound.map { 4 + $0.readableBytes } ?? 0)
            }
        }
    }

    /// Appends the record to `buffer`.
    static func write(
        _ batch: WriteBatch, number: UInt64, synced: UInt64, seed: LogSeed, into buffer: inout ByteBuffer
    ) {
        let start = buffer.writerIndex
        buffer.writeRepeatingByte(0, count: headerLength)
        for operation in batch.operations { write(operation, into: &buffer) }
        let length = buffer.writerIndex - start
        buffer.setInteger(mark, at: start + 8, endianness: .little)
        buffer.setInteger(UInt32(length - headerLength), at: start + 12, endianness: .little)
        buffer.setInteger(number, at: start + 16, endianness: .little)
        buffer.setInteger(synced, at: start + 24, endianness: .little)
        let offset = start - buffer.readerIndex
        let checksum = buffer.withUnsafeReadableBytes { bytes in
            Self.checksum(of: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]), seed)
        }
        buffer.setInteger(checksum, at: start, endianness: .little)
        buffer.writeRepeatingByte(0, count: aligned(length) - length)
    }

    /// The record that begins at `offset` of a segment's bytes; nil where there is none, or no longer a whole one.
    static func read(_ segment: ByteBuffer, at offset: Int, seed: LogSeed) -> LogRecord? {
        segment.withUnsafeReadableBytes { bytes in
            guard offset + headerLength <= bytes.count, load(bytes, offset + 8) as UInt32 == mark else { return nil }
            let length = headerLength + Int(load(bytes, offset + 12) as UInt32)
            guard offset + length <= bytes.count else { return nil }
            let record = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
            guard load(bytes, offset) == checksum(of: record, seed) else { return nil }
            return LogRecord(
                number: load(bytes, offset + 16), synced: load(bytes, offset + 24),
                operations: offset + headerLength..<offset + length, end: offset + aligned(length))
        }
    }

    /// The commit that it holds, in slices of `segment`; nil where that cannot be read, which no valid checksum hides.
    func batch(in segment: ByteBuffer) -> WriteBatch? {
        guard
            var bytes = segment.getSlice(at: segment.readerIndex + operations.lowerBound, length: operations.count)
        else { return nil }
        var batch = WriteBatch()
        while bytes.readableBytes > 0 {
            guard let kind = bytes.readInteger(as: UInt8.self), let first = Self.readPart(&bytes) else { return nil }
            switch kind {
            case 1:
                guard let value = Self.readPart(&bytes) else { return nil }
                batch.put(value, for: first)
            case 2: batch.delete(first)
            case 3: batch.deleteRange(KeyRange(from: first, to: nil))
            case 4:
                guard let upper = Self.readPart(&bytes) else { return nil }
                batch.deleteRange(KeyRange(from: first, to: upper))
            default: return nil
            }
        }
        return batch
    }

    private static func write(_ operation: WriteBatch.Operation, into buffer: inout ByteBuffer) {
        switch operation {
        case .put(let key, let value):
            buffer.writeInteger(UInt8(1))
            writePart(key, into: &buffer)
            writePart(value, into: &buffer)
        case .delete(let key):
            buffer.writeInteger(UInt8(2))
            writePart(key, into: &buffer)
        case .deleteRange(let range):
            buffer.writeInteger(UInt8(range.upperBound == nil ? 3 : 4))
            writePart(range.lowerBound, into: &buffer)
            if let upper = range.upperBound { writePart(upper, into: &buffer) }
        }
    }

    private static func writePart(_ part: ByteBuffer, into buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt32(part.readableBytes), endianness: .little)
        buffer.writeImmutableBuffer(part)
    }

    private static func readPart(_ buffer: inout ByteBuffer) -> ByteBuffer? {
        guard let length = buffer.readInteger(endianness: .little, as: UInt32.self) else { return nil }
        return buffer.readSlice(length: Int(length))
    }

    private static func load<Integer: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer, _ offset: Int
    ) -> Integer {
        Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }

    /// Of all but its own place.
    private static func checksum(of record: UnsafeRawBufferPointer, _ seed: LogSeed) -> UInt64 {
        let rest = UnsafeRawBufferPointer(rebasing: record[8...])
        return XXH3_64bits_withSeed(rest.baseAddress, rest.count, seed.value)
    }
}
