package import NIOCore

extension ByteBuffer {
    /// Seven bits a byte, the lowest first, the top bit set on all but the last byte: 1 to 10 bytes.
    package mutating func writeVarint(_ number: UInt64) {
        guard number >= 0x80 else {
            writeInteger(UInt8(truncatingIfNeeded: number))
            return
        }
        writeWithUnsafeMutableBytes(minimumWritableBytes: 10) { bytes in
            var rest = number
            var count = 0
            while rest >= 0x80 {
                bytes[count] = UInt8(truncatingIfNeeded: rest) | 0x80
                rest >>= 7
                count += 1
            }
            bytes[count] = UInt8(truncatingIfNeeded: rest)
            return count + 1
        }
    }
}

/// Reads fields off a buffer and says where it failed. Every value has one encoding, others are refused, so that
/// equal bytes and equal values mean the same. Other encodings of the package read with it too.
package struct FieldReader {
    package private(set) var buffer: ByteBuffer
    private let start: Int

    package init(_ buffer: ByteBuffer) {
        self.buffer = buffer
        start = buffer.readerIndex
    }

    package var offset: Int { buffer.readerIndex - start }

    package mutating func varint(_ field: StaticString) throws(DecodingFailure) -> UInt64 {
        let begin = offset
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard let byte: UInt8 = buffer.readInteger() else {
                throw DecodingFailure(.truncated, field: field, offset: begin)
            }
            // The tenth byte has room for the 64th bit only.
            guard shift < 63 || byte <= 1 else { throw DecodingFailure(.notCanonical, field: field, offset: begin) }
            number |= UInt64(byte & 0x7f) << shift
            guard byte & 0x80 != 0 else {
                guard byte != 0 || shift == 0 else {
                    throw DecodingFailure(.notCanonical, field: field, offset: begin)
                }
                return number
            }
            shift += 7
        }
    }

    package mutating func integer<Number: FixedWidthInteger>(_ field: StaticString) throws(DecodingFailure) -> Number {
        guard let number: Number = buffer.readInteger() else {
            throw DecodingFailure(.truncated, field: field, offset: offset)
        }
        return number
    }

    /// Refuses a count of items that the bytes left cannot hold, so that nothing is ever allocated by a mere claim.
    package mutating func count(_ field: StaticString, itemsOfAtLeast bytes: Int) throws(DecodingFailure) -> Int {
        let begin = offset
        let count = try varint(field)
        guard count <= UInt64(buffer.readableBytes / bytes) else {
            throw DecodingFailure(.truncated, field: field, offset: begin)
        }
        return Int(count)
    }

    /// A length and that many bytes, as a slice of the buffer.
    package mutating func bytes(_ field: StaticString) throws(DecodingFailure) -> ByteBuffer {
        let begin = offset
        let length = try count(field, itemsOfAtLeast: 1)
        guard let slice = buffer.readSlice(length: length) else {
            throw DecodingFailure(.truncated, field: field, offset: begin)
        }
        return slice
    }
}
