import CXXHash
package import Engines
package import NIOCore

/// A small file that is replaced as a whole and never half: `checksum (XXH3, 64 bits) | contents`.
package struct ReplacedFile<Files: FileAccess> {
    package let path: String
    private let files: Files

    /// None of them is more than a few kilobytes.
    private static var limit: Int { 16 << 20 }

    package init(path: String, files: Files) {
        self.path = path
        self.files = files
    }

    package var exists: Bool { files.exists(path) }

    /// The contents, nil where there is no file.
    package func read() throws(ReplacedFileError) -> ByteBuffer? {
        let bytes = try ReplacedFileError.wrap { () throws(EngineError) in
            try files.read(path, limit: Self.limit, operation: "read \(path)")
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
    package func replace(with contents: ByteBuffer) throws(ReplacedFileError) {
        var buffer = ByteBuffer()
        buffer.writeInteger(Self.checksum(of: contents))
        buffer.writeImmutableBuffer(contents)
        try replace(bytes: Array(buffer.readableBytesView))
    }

    package func replace(bytes: [UInt8]) throws(ReplacedFileError) {
        let operation = "write \(path)"
        let new = path + ".new"
        try ReplacedFileError.wrap { () throws(EngineError) in
            try files.write(bytes, to: new, operation: operation)
            try files.rename(new, to: path, operation: operation)
            try files.syncDirectory(FileCalls.parent(of: path), operation: operation)
        }
    }

    /// Durable when it returns.
    package func remove() throws(ReplacedFileError) {
        let operation = "remove \(path)"
        try ReplacedFileError.wrap { () throws(EngineError) in
            try files.remove(path, operation: operation)
            try files.syncDirectory(FileCalls.parent(of: path), operation: operation)
        }
    }

    private static func checksum(of buffer: ByteBuffer) -> UInt64 {
        buffer.withUnsafeReadableBytes { XXH3_64bits($0.baseAddress, $0.count) }
    }
}

/// Why such a file cannot be read or written.
package enum ReplacedFileError: Error, Sendable, Equatable {
    case damaged(path: String, reason: String)
    case file(EngineError)

    static func wrap<Value>(_ body: () throws(EngineError) -> Value) throws(ReplacedFileError) -> Value {
        do throws(EngineError) {
            return try body()
        } catch {
            throw .file(error)
        }
    }
}
