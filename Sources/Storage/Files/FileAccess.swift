package import Engines

/// The calls by which small files are kept: the system's, or those of a disk that loses what was not synced.
///
/// `operation` says in errors what was asked.
package protocol FileAccess {
    func exists(_ path: String) -> Bool
    /// At most `limit` bytes; nil where there is no file.
    func read(_ path: String, limit: Int, operation: String) throws(EngineError) -> [UInt8]?
    /// Writes a whole file and syncs it, not its folder.
    func write(_ bytes: [UInt8], to path: String, operation: String) throws(EngineError)
    /// Atomic; durable once the folder is synced.
    func rename(_ old: String, to new: String, operation: String) throws(EngineError)
    func remove(_ path: String, operation: String) throws(EngineError)
    func syncDirectory(_ path: String, operation: String) throws(EngineError)
}

/// The machine's own file system.
package struct SystemFiles: FileAccess, Sendable {
    package init() {}

    package func exists(_ path: String) -> Bool { FileCalls.exists(path) }

    package func read(_ path: String, limit: Int, operation: String) throws(EngineError) -> [UInt8]? {
        try FileCalls.read(path, limit: limit, operation: operation)
    }

    package func write(_ bytes: [UInt8], to path: String, operation: String) throws(EngineError) {
        try FileCalls.write(bytes, to: path, operation: operation)
    }

    package func rename(_ old: String, to new: String, operation: String) throws(EngineError) {
        try FileCalls.rename(old, to: new, operation: operation)
    }

    package func remove(_ path: String, operation: String) throws(EngineError) {
        try FileCalls.removeTree(path, operation: operation)
    }

    package func syncDirectory(_ path: String, operation: String) throws(EngineError) {
        try FileCalls.syncDirectory(path, operation: operation)
    }
}
