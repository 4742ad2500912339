import CXXHash
import NIOCore
import Versions

/// An object as a store keeps it: `format | checksum | flags | mint mark | order | object`.
///
/// The checksum (XXH3, 64 bits) covers the record's key too, so that a record under a wrong key is as damaged as one
/// with a flipped bit.
struct Record {
    /// Present where this node minted this record's newest own version here; never replicated.
    var mark: MintMark?
    /// Of a hint: its place in the order of delivery.
    var order: UInt64?
    var object: VersionedObject

    private static let format: UInt8 = 1
    private static let markFlag: UInt8 = 1
    private static let orderFlag: UInt8 = 2

    func encoded(under key: ByteBuffer) -> ByteBuffer {
        var buffer = ByteBuffer()
        let contents = object.siblings.reduce(64) {
            $0 + 96 + $1.content.value.readableBytes + $1.content.metadata.readableBytes
        }
        buffer.reserveCapacity(contents)
        buffer.writeInteger(Self.format)
        buffer.writeInteger(UInt64(0))
        buffer.writeInteger((mark == nil ? 0 : Self.markFlag) | (order == nil ? 0 : Self.orderFlag))
        if let mark { buffer.writeMultipleIntegers(mark.incarnation, mark.birth, mark.counter) }
        if let order { buffer.writeInteger(order) }
        object.encode(into: &buffer)
        buffer.setInteger(Self.checksum(of: buffer, under: key), at: buffer.readerIndex + 1)
        return buffer
    }

    init(mark: MintMark?, order: UInt64? = nil, object: VersionedObject) {
        self.mark = mark
        self.order = order
        self.object = object
    }

    init(decoding bytes: ByteBuffer, under key: ByteBuffer) throws(RecordDamaged) {
        var buffer = bytes
        guard let format = buffer.readInteger(as: UInt8.self), let checksum = buffer.readInteger(as: UInt64.self) else {
            throw RecordDamaged(reason: "\(bytes.readableBytes) bytes are too few")
        }
        guard format == Self.format else { throw RecordDamaged(reason: "format \(format), not \(Self.format)") }
        guard checksum == Self.checksum(of: bytes, under: key) else { throw RecordDamaged(reason: "wrong checksum") }
        guard let flags = buffer.readInteger(as: UInt8.self) else { throw RecordDamaged(reason: "ends early") }
        if flags & Self.markFlag != 0 {
            guard let incarnation = buffer.readInteger(as: UInt64.self),
                let birth = buffer.readInteger(as: UInt64.self),
                let counter = buffer.readInteger(as: UInt64.self)
            else { throw RecordDamaged(reason: "ends early") }
            mark = MintMark(incarnation: incarnation, birth: birth, counter: counter)
        }
        if flags & Self.orderFlag != 0 {
            guard let order = buffer.readInteger(as: UInt64.self) else { throw RecordDamaged(reason: "ends early") }
            self.order = order
        }
        do {
            object = try VersionedObject(decoding: &buffer)
        } catch {
            throw RecordDamaged(reason: "\(error)")
        }
        guard buffer.readableBytes == 0 else {
            throw RecordDamaged(reason: "\(buffer.readableBytes) bytes follow the object")
        }
    }

    /// Of everything after the checksum's own place.
    private static func checksum(of record: ByteBuffer, under key: ByteBuffer) -> UInt64 {
        let seed = key.withUnsafeReadableBytes { XXH3_64bits($0.baseAddress, $0.count) }
        return record.withUnsafeReadableBytes { bytes in
            let body = UnsafeRawBufferPointer(rebasing: bytes[9...])
            return XXH3_64bits_withSeed(body.baseAddress, body.count, seed)
        }
    }
}

/// A record that is not what was written.
struct RecordDamaged: Error {
    let reason: String
}
