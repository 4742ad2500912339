import NIOCore

/// A text behind its length in bytes, as the data folder's files have it.
extension ByteBuffer {
    mutating func writeCounted(_ text: String) {
        writeInteger(UInt32(text.utf8.count))
        writeString(text)
    }

    /// Nil where the bytes end early.
    mutating func readCountedText() -> String? {
        readInteger(as: UInt32.self).flatMap { readString(length: Int($0)) }
    }
}
