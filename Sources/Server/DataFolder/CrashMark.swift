import CCrashMark
import Engines
import Glibc

/// Tells the next start that the process was ended by a fault of its own, not by a kill or a power failure: what is in
/// an engine's files may be what it met. It is a file that is empty until then.
struct CrashMark {
    let path: String

    /// The signal that ended the process that was armed last; nil where none did.
    func read() throws(DataFolderError) -> Int? {
        let bytes = try DataFolderError.wrap { () throws(EngineError) in
            try FileCalls.read(path, limit: 1, operation: "read \(path)")
        }
        return bytes?.first.map(Int.init)
    }

    /// Empties the file, durably, and keeps it open for the rest of the process's life.
    func arm() throws(DataFolderError) {
        try DataFolderError.wrap { () throws(EngineError) in
            let operation = "write \(path)"
            try FileCalls.write([], to: path, operation: operation)
            try FileCalls.syncDirectory(FileCalls.parent(of: path), operation: operation)
            let descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw FileCalls.failure(operation, "open", path) }
            crash_mark_arm(descriptor)
        }
    }
}
