import Engines
import NIOCore

/// The files of a write-ahead log on a ``VirtualDisk``, whose power may go between any two calls.
final class VirtualSegmentFiles: SegmentFiles, @unchecked Sendable {
    // Unchecked: a simulation runs in one thread.

    private(set) var disk: VirtualDisk
    /// Files that were renamed, and that were wiped behind a torn record.
    private(set) var renames: UInt64 = 0
    private(set) var wipes: UInt64 = 0
    private let power: PowerSupply

    /// Stands for the folder itself.
    private static let folder = "log"

    init(_ disk: VirtualDisk, _ power: PowerSupply = PowerSupply()) {
        self.disk = disk
        self.power = power
    }

    func exists() -> Bool { disk.exists(Self.folder) }

    func create() throws(EngineError) {
        try power.use("make the log")
        disk.create(Self.folder)
        disk.syncNames()
    }

    func removeAll() throws(EngineError) {
        for file in disk.list() where file.name != Self.folder {
            try power.use("remove the log")
            disk.remove(file.name)
        }
        try power.use("remove the log")
        disk.remove(Self.folder)
        disk.syncNames()
    }

    func list() throws(EngineError) -> [(name: String, bytes: Int)] {
        disk.list().filter { $0.name != Self.folder }
    }

    func allocate(_ name: String, bytes: Int) throws(EngineError) {
        try power.use("allocate")
        do throws(EngineError) {
            try disk.write([UInt8](repeating: 0, count: bytes), to: name, at: 0)
        } catch {
            disk.remove(name)
            throw error
        }
        try power.use("sync what was allocated")
        try disk.sync(name)
    }

    func read(_ name: String, bytes: Int) throws(EngineError) -> ByteBuffer {
        ByteBuffer(bytes: (disk.read(name) ?? []).prefix(bytes))
    }

    func write(_ bytes: ByteBuffer, to name: String, at offset: Int) throws(EngineError) {
        guard disk.exists(name), disk.length(name) >= offset + bytes.readableBytes else {
            preconditionFailure("\(bytes.readableBytes) bytes at \(offset) of \(name), which has \(disk.length(name))")
        }
        if bytes.readableBytesView.allSatisfy({ $0 == 0 }) { wipes += 1 }
        // A write that the power interrupts is one of which any sector may be there.
        try disk.write(Array(bytes.readableBytesView), to: name, at: offset)
        try power.use("write \(name)")
    }

    func sync(_ name: String) throws(EngineError) {
        try power.use("sync \(name)")
        try disk.sync(name)
    }

    func rename(_ old: String, to new: String) throws(EngineError) {
        try power.use("rename \(old)")
        try disk.rename(old, to: new)
        renames += 1
    }

    func remove(_ name: String) throws(EngineError) {
        try power.use("remove \(name)")
        disk.remove(name)
    }

    func syncNames() throws(EngineError) {
        try power.use("sync the names")
        disk.syncNames()
    }

    func close() {}

    // MARK: Faults

    var isFull: Bool {
        get { disk.isFull }
        set { disk.isFull = newValue }
    }

    func failNextSync() { disk.failsNextSync = true }

    /// Changes what is on the disk, behind everybody's back.
    func edit(_ name: String, _ body: (inout [UInt8]) -> Void) { disk.edit(name, body) }
}

/// The machine's power: it goes after so many calls, in the middle of one.
final class PowerSupply {
    /// Calls until then; nil: it stays.
    var callsLeft: Int?
    private(set) var isGone = false
    /// Calls made.
    private(set) var calls = 0

    func use(_ operation: String) throws(EngineError) {
        calls += 1
        if let left = callsLeft {
            guard left > 0 else {
                isGone = true
                throw EngineError(.failed, operation: operation, detail: "the power is gone")
            }
            callsLeft = left - 1
        }
    }
}
