package import NIOCore

/// The files of one log: those of a folder, or those on a disk that loses what was not synced.
///
/// Two threads may call at a time, never about the same file but to sync it. Errors: `full` where there is no space,
/// and then the file is as it was but for bytes behind its last record; `syncFailed` from the two syncs; others as the
/// file system says.
package protocol SegmentFiles: AnyObject, Sendable {
    /// False where there is no log.
    func exists() -> Bool
    /// Makes the folder, durably.
    func create() throws(EngineError)
    /// Removes the folder with all in it, durably.
    func removeAll() throws(EngineError)
    /// Each file and its bytes, in no order.
    func list() throws(EngineError) -> [(name: String, bytes: Int)]
    /// Makes a file of so many zeros, synced: writing it over changes no metadata, and a sync of it is one write.
    /// Nothing is left of it where that fails. Its name is durable after ``syncNames()``.
    func allocate(_ name: String, bytes: Int) throws(EngineError)
    /// At most so many bytes from its beginning.
    func read(_ name: String, bytes: Int) throws(EngineError) -> ByteBuffer
    /// What stood behind these bytes in the file is of no use any more.
    func write(_ bytes: ByteBuffer, to name: String, at offset: Int) throws(EngineError)
    func sync(_ name: String) throws(EngineError)
    func rename(_ old: String, to new: String) throws(EngineError)
    func remove(_ name: String) throws(EngineError)
    /// Makes durable which files there are, and their names.
    func syncNames() throws(EngineError)
    /// Gives back what is open.
    func close()
}
