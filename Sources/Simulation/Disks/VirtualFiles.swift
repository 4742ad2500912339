import Engines
import Storage

/// The calls of a node's small files on a ``VirtualDisk``; the machine may lose its power between any two of them.
final class VirtualFiles: FileAccess {
    private(set) var disk: VirtualDisk
    /// Calls until the power is gone; nil: it stays.
    var callsLeft: Int?
    private(set) var hasLostPower = false
    /// Calls made.
    private(set) var calls = 0

    init(_ disk: VirtualDisk, callsLeft: Int? = nil) {
        self.disk = disk
        self.callsLeft = callsLeft
    }

    func exists(_ path: String) -> Bool { disk.exists(path) }

    func read(_ path: String, limit: Int, operation: String) throws(EngineError) -> [UInt8]? {
        try begin(operation)
        return disk.read(path).map { Array($0.prefix(limit)) }
    }

    func write(_ bytes: [UInt8], to path: String, operation: String) throws(EngineError) {
        try begin(operation)
        disk.create(path)
        disk.truncate(path, to: 0)
        try begin(operation)
        try disk.write(bytes, to: path, at: 0)
        try begin(operation)
        try disk.sync(path)
    }

    func rename(_ old: String, to new: String, operation: String) throws(EngineError) {
        try begin(operation)
        try disk.rename(old, to: new)
    }

    func remove(_ path: String, operation: String) throws(EngineError) {
        try begin(operation)
        disk.remove(path)
    }

    func syncDirectory(_ path: String, operation: String) throws(EngineError) {
        try begin(operation)
        disk.syncNames()
    }

    private func begin(_ operation: String) throws(EngineError) {
        if let left = callsLeft {
            guard left > 0 else {
                hasLostPower = true
                throw EngineError(.failed, operation: operation, detail: "the power is gone")
            }
            callsLeft = left - 1
        }
        calls += 1
    }
}
