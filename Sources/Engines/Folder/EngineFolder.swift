import Glibc

/// A store's folder: `ENGINE` says whose it is, `LOCK` who has it open, `data/` belongs to the engine, `log/` to the
/// write-ahead log where there is one.
///
/// Opening takes an exclusive lock that lasts until ``release()`` or the end of this object, so that neither another
/// process nor another engine of this process can use the same files meanwhile.
///
/// A new folder has `ENGINE.new` until ``completeCreation()``: a creation that a crash cut short is begun again, and
/// from then on missing files are damage, never an empty store.
public final class EngineFolder: Sendable {
    public let path: String
    public let kind: EngineKind
    /// True where this open made the folder: the engine creates its files. Otherwise they must be there.
    public let isNew: Bool
    public var dataPath: String { path + "/data" }

    private let lock: FolderLock

    static let format = 1
    private static let newName = "ENGINE.new"

    /// Makes the folder where it is missing, checks that it is this engine's, and locks it.
    ///
    /// Errors: `unwritable`, `full`, `locked` (with the holder's process id), `foreign` (another engine's, no store's,
    /// or of a newer format), `damaged` (its files are gone).
    public init(path: String, kind: EngineKind) throws(EngineError) {
        let operation = "open \(path)"
        self.path = path
        self.kind = kind
        try FileCalls.makeDirectories(path, operation: operation)
        // Before the lock file is made: nothing may be added to a folder that is not ours.
        try Self.refuseStrangers(in: path, operation: operation)
        lock = try FolderLock(path: path + "/LOCK", operation: operation)
        isNew = try Self.claim(path: path, kind: kind, operation: operation)
    }

    /// Tells that the engine's files are there and synced: the folder is a store from now on. Nothing to do for one
    /// that was.
    public func completeCreation() throws(EngineError) {
        let operation = "create \(path)"
        guard isNew, FileCalls.exists(path + "/" + Self.newName) else { return }
        try FileCalls.syncDirectory(dataPath, operation: operation)
        try FileCalls.rename(path + "/" + Self.newName, to: path + "/ENGINE", operation: operation)
        try FileCalls.syncDirectory(path, operation: operation)
    }

    /// The bytes that the engine's files take on disk.
    public func bytesOnDisk() throws(EngineError) -> Int {
        try FileCalls.bytesOnDisk(in: dataPath, operation: "measure \(path)")
    }

    /// Gives the lock back. A second call does nothing.
    public func release() {
        lock.release()
    }

    private static func refuseStrangers(in path: String, operation: String) throws(EngineError) {
        let names = try FileCalls.names(in: path, operation: operation)
        if names.contains("ENGINE") || names.contains(newName) { return }
        // A crash right after the first lock leaves LOCK alone.
        guard let stranger = names.first(where: { $0 != "LOCK" }) else { return }
        throw EngineError(
            .foreign, operation: operation,
            detail: "no store's folder: it has no file ENGINE but holds \(stranger); choose an empty or a new folder")
    }

    /// True for a new folder.
    private static func claim(path: String, kind: EngineKind, operation: String) throws(EngineError) -> Bool {
        guard let text = try FileCalls.read(path + "/ENGINE", limit: 256, operation: operation) else {
            try begin(path: path, kind: kind, operation: operation)
            return true
        }
        try check(text, against: kind, path: path, operation: operation)
        guard FileCalls.isDirectory(path + "/data") else {
            throw EngineError(
                .damaged, operation: operation,
                detail: "the folder data is missing; restore the store, or remove \(path) to begin anew")
        }
        return false
    }

    private static func begin(path: String, kind: EngineKind, operation: String) throws(EngineError) {
        try FileCalls.removeTree(path + "/data", operation: operation)
        // A log without the engine it belongs to says nothing.
        try FileCalls.removeTree(path + "/log", operation: operation)
        try FileCalls.write(
            "rotor-engine \(format)\n\(kind.rawValue)\n", to: path + "/" + newName, operation: operation)
        try FileCalls.makeDirectories(path + "/data", operation: operation)
        try FileCalls.syncDirectory(path, operation: operation)
    }

    private static func check(
        _ bytes: [UInt8], against kind: EngineKind, path: String, operation: String
    ) throws(EngineError) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let head = lines[0].split(separator: " ")
        guard head.count == 2, head[0] == "rotor-engine", let found = Int(head[1]), lines.count >= 2 else {
            throw EngineError(
                .foreign, operation: operation, detail: "\(path)/ENGINE was not written by Rotor; choose another folder"
            )
        }
        guard found <= format else {
            throw EngineError(
                .foreign, operation: operation,
                detail: "folder format \(found), this program knows up to \(format); use a newer rotor")
        }
        guard lines[1] == kind.rawValue else {
            throw EngineError(
                .foreign, operation: operation,
                detail: "the folder is engine \(lines[1])'s, asked was \(kind.rawValue); a store keeps its engine")
        }
    }
}
