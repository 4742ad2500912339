import Glibc

/// Who has a folder open: an exclusive lock on its file `LOCK`, which names the holder's process id. It lasts until
/// ``release()``, the end of this object or the end of the process.
package final class FolderLock: @unchecked Sendable {
    // Unchecked: the only mutable state, `descriptor`, is used under `monitor`.
    private let monitor = Monitor()
    private var descriptor: Int32

    /// - Throws: `locked` (with the holder's process id), or what the file system says.
    package init(path: String, operation: String) throws(EngineError) {
        let descriptor = try Self.openLocked(path, operation: operation)
        do throws(EngineError) {
            guard ftruncate(descriptor, 0) == 0 else { throw FileCalls.failure(operation, "ftruncate", path) }
            try FileCalls.write(
                Array("\(getpid())\n".utf8), to: descriptor, path: path, operation: operation)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit {
        release()
    }

    /// Gives the lock back. A second call does nothing.
    package func release() {
        monitor.withLock {
            if descriptor >= 0 {
                // A child that is about to exec still shares the lock, until it has closed its descriptors (flock(2)).
                flock(descriptor, LOCK_UN)
                close(descriptor)
            }
            descriptor = -1
        }
    }

    private static func openLocked(_ path: String, operation: String) throws(EngineError) -> Int32 {
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw FileCalls.failure(operation, "open", path) }
            do throws(EngineError) {
                try lock(descriptor, path: path, operation: operation)
            } catch {
                close(descriptor)
                throw error
            }
            // Whoever removed the folder meanwhile has left a lock on a file that nobody else finds any more.
            var locked = stat()
            var found = stat()
            if fstat(descriptor, &locked) == 0, stat(path, &found) == 0, locked.st_ino == found.st_ino {
                return descriptor
            }
            close(descriptor)
        }
    }

    /// flock(2): locks belong to the open file description, so a second open in this process is refused too.
    private static func lock(_ descriptor: Int32, path: String, operation: String) throws(EngineError) {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            guard errno == EWOULDBLOCK else { throw FileCalls.failure(operation, "flock", path) }
            let holder = try FileCalls.read(path, limit: 32, operation: operation) ?? []
            throw EngineError(
                .locked, operation: operation, call: "flock", number: Int(EWOULDBLOCK),
                detail: "in use by process \(processName(holder)); stop it, or give this one another folder")
        }
    }

    private static func processName(_ bytes: [UInt8]) -> String {
        Int(String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)).map(String.init) ?? "(not known)"
    }
}
