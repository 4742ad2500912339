import Glibc
package import NIOCore

/// A log's files in a folder of the system.
package final class LogFolder: SegmentFiles, @unchecked Sendable {
    // Unchecked: `descriptors` is used under `monitor`, `writer` by the one thread that writes.

    private let path: String
    private let monitor = Monitor()
    private var descriptors: [String: Int32] = [:]
    private var writer = BlockWriter()

    package init(path: String) {
        self.path = path
    }

    deinit {
        close()
    }

    package func exists() -> Bool { FileCalls.isDirectory(path) }

    package func create() throws(EngineError) {
        try FileCalls.makeDirectories(path, operation: "make the log")
    }

    package func removeAll() throws(EngineError) {
        close()
        try FileCalls.removeTree(path, operation: "remove the log")
        try FileCalls.syncDirectory(FileCalls.parent(of: path), operation: "remove the log")
    }

    package func list() throws(EngineError) -> [(name: String, bytes: Int)] {
        var files: [(name: String, bytes: Int)] = []
        for name in try FileCalls.names(in: path, operation: "read the log") {
            guard let bytes = try FileCalls.length(of: place(name), operation: "read the log") else { continue }
            files.append((name, bytes))
        }
        return files
    }

    package func allocate(_ name: String, bytes: Int) throws(EngineError) {
        let operation = "allocate \(bytes) bytes for the log"
        let bytes = BlockWriter.wholeBlocks(bytes)
        let file = BlockWriter.open(place(name), flags: O_CREAT | O_TRUNC)
        guard file >= 0 else { throw FileCalls.failure(operation, "open", place(name)) }
        do throws(EngineError) {
            // All the space or none, before anything is written.
            let code = posix_fallocate(file, 0, off_t(bytes))
            if code != 0 {
                errno = code
                throw Self.failure(operation, "posix_fallocate", place(name))
            }
            // fallocate(2) leaves extents that are marked as not yet written: the first write into each would change
            // metadata, which fdatasync has to write, too.
            guard BlockWriter.writeZeros(bytes, to: file) else { throw Self.failure(operation, "pwrite", place(name)) }
            guard fsync(file) == 0 else { throw syncFailure("fsync", name) }
        } catch {
            Glibc.close(file)
            unlink(place(name))
            throw error
        }
        monitor.withLock { descriptors[name] = file }
    }

    package func read(_ name: String, bytes length: Int) throws(EngineError) -> ByteBuffer {
        let operation = "read the log"
        // Through the cache, since any length may be wanted.
        let file = open(place(name), O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FileCalls.failure(operation, "open", place(name)) }
        defer { Glibc.close(file) }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(length)
        var failed = false
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { bytes in
            var filled = 0
            while filled < length, let base = bytes.baseAddress {
                let count = pread(file, base + filled, length - filled, off_t(filled))
                if count < 0 && errno == EINTR { continue }
                failed = count < 0
                if count <= 0 { break }
                filled += count
            }
            return filled
        }
        if failed { throw FileCalls.failure(operation, "pread", place(name)) }
        return buffer
    }

    package func write(_ bytes: ByteBuffer, to name: String, at offset: Int) throws(EngineError) {
        let file = try descriptor(name, "write the log")
        guard bytes.withUnsafeReadableBytes({ writer.write($0, to: file, named: name, at: offset) }) else {
            throw Self.failure("write the log", "pwrite", place(name))
        }
    }

    /// fdatasync(2) "does not flush modified metadata unless that metadata is needed": the file has its size and
    /// blocks since it was made.
    package func sync(_ name: String) throws(EngineError) {
        guard fdatasync(try descriptor(name, "sync the log")) == 0 else { throw syncFailure("fdatasync", name) }
    }

    package func rename(_ old: String, to new: String) throws(EngineError) {
        try FileCalls.rename(place(old), to: place(new), operation: "recycle a file of the log")
        monitor.withLock { descriptors[new] = descriptors.removeValue(forKey: old) }
    }

    package func remove(_ name: String) throws(EngineError) {
        let file = monitor.withLock { descriptors.removeValue(forKey: name) }
        if let file { Glibc.close(file) }
        try FileCalls.removeTree(place(name), operation: "remove a file of the log")
    }

    package func syncNames() throws(EngineError) {
        try FileCalls.syncDirectory(path, operation: "sync the log's folder")
    }

    package func close() {
        let open = monitor.withLock {
            defer { descriptors = [:] }
            return descriptors
        }
        for file in open.values { Glibc.close(file) }
    }

    private func place(_ name: String) -> String { path + "/" + name }

    private func descriptor(_ name: String, _ operation: String) throws(EngineError) -> Int32 {
        if let known = monitor.withLock({ descriptors[name] }) { return known }
        let file = BlockWriter.open(place(name), flags: 0)
        guard file >= 0 else { throw FileCalls.failure(operation, "open", place(name)) }
        monitor.withLock { descriptors[name] = file }
        return file
    }

    /// A limit for files is a full disk, too.
    private static func failure(_ operation: String, _ call: String, _ path: String) -> EngineError {
        let isLimit = errno == EFBIG
        var error = FileCalls.failure(operation, call, path)
        if isLimit { error.code = .full }
        return error
    }

    private func syncFailure(_ call: String, _ name: String) -> EngineError {
        let number = errno
        return EngineError(
            .syncFailed, operation: "sync the log", call: call, number: Int(number),
            detail: "\(place(name)): \(String(cString: strerror(number))); check the disk")
    }
}
