import Engines
import NIOCore
import Storage

/// A ``ReplacedFile`` on the machine's own file system, with the data folder's errors.
struct CheckedFile {
    let path: String

    var file: ReplacedFile<SystemFiles> { ReplacedFile(path: path, files: SystemFiles()) }
    var exists: Bool { file.exists }

    /// The contents, nil where there is no file.
    func read() throws(DataFolderError) -> ByteBuffer? {
        try DataFolderError.wrapFile { () throws(ReplacedFileError) in try file.read() }
    }

    /// Durable when it returns: after a crash there is the old file or the new one, whole.
    func replace(with contents: ByteBuffer) throws(DataFolderError) {
        try DataFolderError.wrapFile { () throws(ReplacedFileError) in try file.replace(with: contents) }
    }

    func replace(bytes: [UInt8]) throws(DataFolderError) {
        try DataFolderError.wrapFile { () throws(ReplacedFileError) in try file.replace(bytes: bytes) }
    }

    /// Durable when it returns.
    func remove() throws(DataFolderError) {
        try DataFolderError.wrapFile { () throws(ReplacedFileError) in try file.remove() }
    }
}

extension DataFolderError {
    static func wrapFile<Value>(_ body: () throws(ReplacedFileError) -> Value) throws(DataFolderError) -> Value {
        do throws(ReplacedFileError) {
            return try body()
        } catch {
            switch error {
            case .damaged(let path, let reason): throw .damaged(path: path, reason: reason)
            case .file(let error): throw .file(error)
            }
        }
    }
}
