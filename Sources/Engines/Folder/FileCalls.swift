import Glibc

/// The few calls to the file system that folder rules need, each with the error that says what was asked.
package enum FileCalls {
    package static func makeDirectories(_ path: String, operation: String) throws(EngineError) {
        if mkdir(path, 0o755) == 0 {
            return try syncDirectory(parent(of: path), operation: operation)
        }
        switch errno {
        case EEXIST:
            guard isDirectory(path) else {
                throw EngineError(
                    .unwritable, operation: operation, call: "mkdir", number: Int(EEXIST),
                    detail: "\(path) is not a folder; choose another path or move that file away")
            }
        case ENOENT where parent(of: path) != path:
            try makeDirectories(parent(of: path), operation: operation)
            guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
                throw failure(operation, "mkdir", path)
            }
            try syncDirectory(parent(of: path), operation: operation)
        default:
            throw failure(operation, "mkdir", path)
        }
    }

    package static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    package static func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    /// The names in a folder, sorted, without `.` and `..`.
    package static func names(in path: String, operation: String) throws(EngineError) -> [String] {
        guard let directory = opendir(path) else { throw failure(operation, "opendir", path) }
        defer { closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw failure(operation, "readdir", path) }
        return names.sorted()
    }

    /// At most `limit` bytes of a file; nil where there is none.
    package static func read(_ path: String, limit: Int, operation: String) throws(EngineError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure(operation, "open", path)
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: limit)
        var filled = 0
        while filled < limit {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress! + filled, limit - filled)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw failure(operation, "read", path) }
            if count == 0 { break }
            filled += count
        }
        return Array(bytes[..<filled])
    }

    package static func write(_ text: String, to path: String, operation: String) throws(EngineError) {
        try write(Array(text.utf8), to: path, operation: operation)
    }

    /// Writes a whole file and syncs it, not its folder.
    package static func write(_ bytes: [UInt8], to path: String, operation: String) throws(EngineError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure(operation, "open", path) }
        defer { close(descriptor) }
        try write(bytes, to: descriptor, path: path, operation: operation)
        guard fsync(descriptor) == 0 else { throw syncFailure(operation, path) }
    }

    package static func write(
        _ bytes: [UInt8], to descriptor: Int32, path: String, operation: String
    ) throws(EngineError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                pwrite(descriptor, buffer.baseAddress! + written, bytes.count - written, off_t(written))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure(operation, "pwrite", path) }
            written += count
        }
    }

    /// fsync(2): "Calling fsync() does not necessarily ensure that the entry in the directory containing the file has
    /// also reached disk. For that an explicit fsync() on a file descriptor for the directory is also needed."
    package static func syncDirectory(_ path: String, operation: String) throws(EngineError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(operation, "open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw syncFailure(operation, path) }
    }

    /// The whole file, whoever has written it.
    package static func sync(_ path: String, operation: String) throws(EngineError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(operation, "open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw syncFailure(operation, path) }
    }

    package static func rename(_ old: String, to new: String, operation: String) throws(EngineError) {
        guard Glibc.rename(old, new) == 0 else { throw failure(operation, "rename", old) }
    }

    /// Removes a file, or a folder with all that is in it. Links are removed, not followed.
    package static func removeTree(_ path: String, operation: String) throws(EngineError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw failure(operation, "lstat", path)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            guard unlink(path) == 0 else { throw failure(operation, "unlink", path) }
            return
        }
        for name in try names(in: path, operation: operation) {
            try removeTree(path + "/" + name, operation: operation)
        }
        guard rmdir(path) == 0 else { throw failure(operation, "rmdir", path) }
    }

    /// Bytes; nil where there is no such file.
    package static func length(of path: String, operation: String) throws(EngineError) -> Int? {
        var status = stat()
        if stat(path, &status) == 0 { return Int(status.st_size) }
        if errno == ENOENT { return nil }
        throw failure(operation, "stat", path)
    }

    package static func setLength(of path: String, _ length: Int, operation: String) throws(EngineError) {
        guard truncate(path, off_t(length)) == 0 else { throw failure(operation, "truncate", path) }
    }

    /// The blocks that the files of a folder take, in bytes. A file that goes away meanwhile counts for nothing.
    package static func bytesOnDisk(in path: String, operation: String) throws(EngineError) -> Int {
        var bytes = 0
        for name in try names(in: path, operation: operation) {
            var status = stat()
            guard lstat(path + "/" + name, &status) == 0 else {
                if errno == ENOENT { continue }
                throw failure(operation, "lstat", path + "/" + name)
            }
            bytes += Int(status.st_blocks) * 512
        }
        return bytes
    }

    /// The same, of those below it, too; 0 where there is no such folder.
    package static func bytesInTree(_ path: String, operation: String) throws(EngineError) -> Int {
        guard isDirectory(path) else { return 0 }
        var bytes = try bytesOnDisk(in: path, operation: operation)
        for name in try names(in: path, operation: operation) {
            bytes += try bytesInTree("\(path)/\(name)", operation: operation)
        }
        return bytes
    }

    /// Lets the system forget what it holds in memory of the files of a folder and those below, so that the next read
    /// is of the disk. What it knows to be unwritten stays.
    package static func dropCache(of path: String, operation: String) throws(EngineError) {
        for name in try names(in: path, operation: operation) {
            let entry = path + "/" + name
            if isDirectory(entry) {
                try dropCache(of: entry, operation: operation)
                continue
            }
            let descriptor = open(entry, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw failure(operation, "open", entry) }
            defer { close(descriptor) }
            let number = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
            guard number == 0 else {
                errno = number
                throw failure(operation, "posix_fadvise", entry)
            }
        }
    }

    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The error of the call that has just failed, read from `errno`.
    package static func failure(_ operation: String, _ call: String, _ path: String) -> EngineError {
        let number = errno
        let reason = String(cString: strerror(number))
        switch number {
        case ENOSPC, EDQUOT:
            return EngineError(
                .full, operation: operation, call: call, number: Int(number),
                detail: "no space left for \(path); free some or move the store")
        case EACCES, EPERM, EROFS, ENOTDIR, ENOENT, ENAMETOOLONG, ELOOP, EISDIR:
            return EngineError(
                .unwritable, operation: operation, call: call, number: Int(number),
                detail: "cannot use \(path): \(reason); choose a path that this user can write")
        default:
            return EngineError(
                .failed, operation: operation, call: call, number: Int(number), detail: "\(path): \(reason)")
        }
    }

    private static func syncFailure(_ operation: String, _ path: String) -> EngineError {
        let number = errno
        return EngineError(
            .syncFailed, operation: operation, call: "fsync", number: Int(number),
            detail: "\(path): \(String(cString: strerror(number))); check the disk")
    }
}
