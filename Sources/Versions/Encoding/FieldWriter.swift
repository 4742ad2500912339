package import NIOCore

extension ByteBuffer {
    /// Seven bits a byte, the lowest first, the top bit set on all but the last byte: 1 to 10 bytes.
    package mutating func writeVarint(_ number: UInt64) {
        writeFields(ofAtMost: 10) { $0.varint(number) }
    }

    /// Lets `body` write up to `bound` bytes in one access to the buffer: each access costs an exclusivity check, and
    /// fields are many and small.
    package mutating func writeFields(ofAtMost bound: Int, _ body: (inout FieldWriter) -> Void) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { bytes in
            var writer = FieldWriter(bytes)
            body(&writer)
            return writer.count
        }
    }
}

/// Writes what ``FieldReader`` reads, into memory that has room for it.
package struct FieldWriter {
    private let bytes: UnsafeMutableRawBufferPointer
    package private(set) var count = 0

    fileprivate init(_ bytes: UnsafeMutableRawBufferPointer) {
        self.bytes = bytes
    }

    package mutating func varint(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes[count] = UInt8(truncatingIfNeeded: rest) | 0x80
            count += 1
            rest >>= 7
        }
        bytes[count] = UInt8(truncatingIfNeeded: rest)
        count += 1
    }

    /// Big endian, in all its bytes.
    package mutating func integer<Number: FixedWidthInteger>(_ number: Number) {
        bytes.storeBytes(of: number.bigEndian, toByteOffset: count, as: Number.self)
        count += MemoryLayout<Number>.size
    }
}
