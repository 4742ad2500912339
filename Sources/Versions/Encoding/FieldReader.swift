package import NIOCore

extension ByteBuffer {
    /// Lets `body` read fields in one access to the buffer, and moves the reader index past them; leaves it where it
    /// was if `body` throws.
    package mutating func readFields<Value>(
        _ body: (inout FieldReader) throws(DecodingFailure) -> Value
    ) throws(DecodingFailure) -> Value {
        let (value, length) = try withUnsafeReadableBytes {
            (bytes) throws(DecodingFailure) -> (Value, Int) in
            var reader = FieldReader(bytes, of: self)
            let value = try body(&reader)
            return (value, reader.offset)
        }
        moveReaderIndex(forwardBy: length)
        return value
    }
}

/// Reads what ``FieldWriter`` writes, and says where it failed. Every value has one encoding, others are refused, so
/// that equal bytes and equal values mean the same.
package struct FieldReader {
    private let bytes: UnsafeRawBufferPointer
    /// Whose readable bytes they are: slices are cut off it.
    private let buffer: ByteBuffer
    package private(set) var offset = 0

    fileprivate init(_ bytes: UnsafeRawBufferPointer, of buffer: ByteBuffer) {
        self.bytes = bytes
        self.buffer = buffer
    }

    package mutating func varint(_ field: StaticString) throws(DecodingFailure) -> UInt64 {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        var position = offset
        while true {
            guard position < bytes.count else { throw DecodingFailure(.truncated, field: field, offset: offset) }
            let byte = bytes[position]
            position += 1
            // The tenth byte has room for the 64th bit only.
            guard shift < 63 || byte <= 1 else { throw DecodingFailure(.notCanonical, field: field, offset: offset) }
            number |= UInt64(byte & 0x7f) &<< shift
            guard byte >= 0x80 else {
                guard byte > 0 || shift == 0 else {
                    throw DecodingFailure(.notCanonical, field: field, offset: offset)
                }
                offset = position
                return number
            }
            shift += 7
        }
    }

    /// Big endian, in all its bytes.
    package mutating func integer<Number: FixedWidthInteger>(_ field: StaticString) throws(DecodingFailure) -> Number {
        guard bytes.count - offset >= MemoryLayout<Number>.size else {
            throw DecodingFailure(.truncated, field: field, offset: offset)
        }
        let number = Number(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
        offset += MemoryLayout<Number>.size
        return number
    }

    /// Refuses a count of items that the bytes left cannot hold, so that nothing is ever allocated by a mere claim.
    package mutating func count(_ field: StaticString, itemsOfAtLeast size: Int) throws(DecodingFailure) -> Int {
        let begin = offset
        let count = try varint(field)
        guard count <= UInt64((bytes.count - offset) / size) else {
            throw DecodingFailure(.truncated, field: field, offset: begin)
        }
        return Int(count)
    }

    /// A length and that many bytes, as a slice of the buffer.
    package mutating func bytes(_ field: StaticString) throws(DecodingFailure) -> ByteBuffer {
        let begin = offset
        let length = try count(field, itemsOfAtLeast: 1)
        guard let slice = buffer.getSlice(at: buffer.readerIndex + offset, length: length) else {
            throw DecodingFailure(.truncated, field: field, offset: begin)
        }
        offset += length
        return slice
    }
}
