import CBDB
import Synchronization

/// Owns the handle that writes the entries, and has it keep page versions (DB_MULTIVERSION) only while a snapshot or a
/// large batch needs them.
///
/// With versions every first change of a page copies it, and release 5.3 does not find the copies that nobody needs any
/// more: once the cache is full it writes them to `__db.freezer` files one by one, and a put costs ten times as much.
/// Without versions a reader waits only while a batch changes the very page it wants, in memory.
///
/// The library makes versions of a file while a handle has that flag, and lets such a handle come where all the others
/// are read-only. It must not come while a transaction writes: the pages changed before would have no older version.
final class BerkeleyVersions: @unchecked Sendable {
    // Unchecked: the mutable fields are used under `monitor`; the handle while `isWriting` by the writer alone.

    private let environment: BerkeleyEnvironment
    private let maximumBytes: Int?
    private let monitor = Monitor()
    /// Nil after a change of handles that failed half-way: the next one tries again.
    private var handle: BerkeleyDatabase?
    private var users = 0
    private var isWriting = false
    private var unusedCommits = 0
    private let keptFlag = Atomic(false)

    /// A change of handles costs as much as some commits with versions.
    private static let lingeringCommits = 16

    init(_ environment: BerkeleyEnvironment, isNew: Bool, maximumBytes: Int?) throws(EngineError) {
        self.environment = environment
        self.maximumBytes = maximumBytes
        handle = try BerkeleyDatabase(
            environment, name: BerkeleyStore.entriesFile, access: isNew ? .creating : .writing,
            maximumBytes: maximumBytes)
    }

    /// A hint for readers: true where a snapshot costs no change of handles. It may be different a moment later.
    var areKept: Bool { keptFlag.load(ordering: .relaxed) }

    /// Before a snapshot is taken, with ``leave()`` after its end. Where versions are not kept yet it waits for a batch
    /// that is being carried out, not for its sync.
    func enter() throws(EngineError) {
        monitor.lock()
        defer { monitor.unlock() }
        while !areKept && isWriting { monitor.wait() }
        try keep(true)
        users += 1
    }

    func leave() {
        monitor.withLock { users -= 1 }
    }

    /// Before a batch's transaction begins, with ``writeEnds(withVersions:)`` after it has ended. The handle to write
    /// with.
    func writeBegins(withVersions: Bool) throws(EngineError) -> BerkeleyDatabase {
        monitor.lock()
        defer { monitor.unlock() }
        if withVersions { try keep(true) } else { try letGoIfUnused() }
        guard let handle else { preconditionFailure("no handle to write with, versions kept: \(areKept)") }
        if withVersions { users += 1 }
        isWriting = true
        return handle
    }

    func writeEnds(withVersions: Bool) {
        monitor.withLock {
            isWriting = false
            if withVersions { users -= 1 }
            monitor.wakeAll()
        }
    }

    /// When nobody else is left.
    func close() throws(EngineError) {
        try handle?.close()
    }

    private func letGoIfUnused() throws(EngineError) {
        if areKept && users == 0 {
            unusedCommits += 1
            if unusedCommits > Self.lingeringCommits { return try keep(false) }
        }
        if handle == nil { try keep(areKept) }
    }

    private func keep(_ isWanted: Bool) throws(EngineError) {
        unusedCommits = 0
        guard isWanted != areKept || handle == nil else { return }
        let old = handle
        handle = nil
        keptFlag.store(false, ordering: .relaxed)
        try old?.close()
        handle = try BerkeleyDatabase(
            environment, name: BerkeleyStore.entriesFile, access: isWanted ? .writingVersions : .writing,
            maximumBytes: maximumBytes)
        keptFlag.store(isWanted, ordering: .relaxed)
    }
}
