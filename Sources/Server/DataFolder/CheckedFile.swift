import CXXHash
import Engines
import NIOCore

/// A small file that is replaced as a whole and never half: `checksum (XXH3, 64 bits) | contents`.
struct CheckedFile {
    let path: String

    /// None of them is more than a few kilobytes.
    private static let limit = 16 << 20

    var exists: Bool { FileCalls.exists(path) }

    /// The contents, nil where there is no file.
    func read() throws(DataFolderError) -> ByteBuffer? {
        let bytes = try DataFolderError.wrap { () throws(EngineError) in
            try FileCalls.read(path, limit: Self.limit, operation: "read \(path)")
        }
        guard let bytes else { return nil }
        var buffer = ByteBuffer(bytes: bytes)
        guard let checksum = buffer.readInteger(as: UInt64.self) else {
            throw .damaged(path: path, reason: "\(bytes.count) bytes are too few")
        }
        guard checksum == Self.checksum(of: buffer) else { throw .damaged(path: path, reason: "wrong checksum") }
        return buffer
    }

    /// Durable when it returns: after a crash there is the old file or the new one, whole.
    func replace(with contents: ByteBuffer) throws(DataFolderError) {
        var buffer = ByteBuffer()
        buffer.writeInteger(Self.checksum(of: contents))
        buffer.writeImmutableBuffer(contents)
        try replace(bytes: Array(buffer.readableBytesView))
    }

    func replace(bytes: [UInt8]) throws(DataFolderError) {
        let operation = "write \(path)"
        let new = path + ".new"
        try DataFolderError.wrap { () throws(EngineError) in
            try FileCalls.write(bytes, to: new, operation: operation)
            try FileCalls.rename(new, to: path, operation: operation)
            try FileCalls.syncDirectory(FileCalls.parent(of: path), operation: operation)
        }
    }

    /// Durable when it returns.
    func remove() throws(DataFolderError) {
        let operation = "remove \(path)"
        try DataFolderError.wrap { () throws(EngineError) in
            try FileCalls.removeTree(path, operation: operation)
            try FileCalls.syncDirectory(FileCalls.parent(of: path), operation: operation)
        }
    }

    private static func checksum(of buffer: ByteBuffer) -> UInt64 {
        buffer.withUnsafeReadableBytes { XXH3_64bits($0.baseAddress, $0.count) }
    }
}
