import CEngineLoops
import Engines
import Glibc

/// What this process has used so far, as Linux tells it.
struct ProcessFigures: Sendable, Equatable {
    /// User and system time of all threads.
    var cpuMicroseconds: Double
    var residentBytes: Int

    static func now() throws(EngineError) -> ProcessFigures {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return ProcessFigures(
            cpuMicroseconds: Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3,
            residentBytes: try FileCalls.number(in: "/proc/self/statm", field: 1) * sysconf(CInt(_SC_PAGESIZE)))
    }

    /// So that the memory of one run is not counted again in the next.
    static func giveBackFreeMemory() {
        engine_loop_give_back_memory()
    }
}

/// Bytes written to a disk, of which the smaller count is taken:
///
/// - by this process. The kernel's manual on write_bytes of /proc/PID/io: "Attempt to count the number of bytes which
///   this process caused to be sent to the storage layer. This is done at page-dirtying time." Where the file system
///   keeps many pages together, all of them count when one is changed.
/// - by everybody, as the disk counts them: exact where nobody else writes.
struct WrittenBytes: Sendable {
    private let process: Int
    /// Nil where the folder lies on no disk of its own, as in memory or on a network.
    private let disk: Int?

    init(onDiskOf folder: String) throws(EngineError) {
        process = try FileCalls.number(in: "/proc/self/io", after: "write_bytes:")
        disk = try Self.statistics(onDiskOf: folder).map { path throws(EngineError) in
            // The kernel's manual on /sys/block/DEV/stat: the seventh is "write sectors", and "These are the standard
            // UNIX 512-byte sectors".
            try FileCalls.number(in: path, field: 6) * 512
        }
    }

    func since(_ earlier: WrittenBytes) -> Int {
        let own = process - earlier.process
        guard let disk, let earlierDisk = earlier.disk else { return own }
        return min(own, disk - earlierDisk)
    }

    private static func statistics(onDiskOf folder: String) -> String? {
        var status = stat()
        guard stat(folder, &status) == 0 else { return nil }
        let device = UInt64(status.st_dev)
        let path = "/sys/dev/block/\(engine_loop_disk_major(device)):\(engine_loop_disk_minor(device))/stat"
        return FileCalls.exists(path) ? path : nil
    }
}

extension FileCalls {
    /// A whole number of a file of the kernel's: the field with this index, blanks between them.
    fileprivate static func number(in path: String, field index: Int) throws(EngineError) -> Int {
        let fields = try fields(of: path)
        guard fields.indices.contains(index), let number = Int(fields[index]) else { throw unknown(path, "\(index)") }
        return number
    }

    /// The field after this one.
    fileprivate static func number(in path: String, after name: String) throws(EngineError) -> Int {
        let fields = try fields(of: path)
        guard let place = fields.firstIndex(of: name), place + 1 < fields.count, let number = Int(fields[place + 1])
        else { throw unknown(path, name) }
        return number
    }

    private static func fields(of path: String) throws(EngineError) -> [String] {
        let bytes = try read(path, limit: 4096, operation: "measure") ?? []
        return bytes.split { $0 == 0x20 || $0 == 0x0a }.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func unknown(_ path: String, _ field: String) -> EngineError {
        EngineError(.failed, operation: "measure", detail: "\(path) has no number in its field \(field)")
    }
}
