import Engines
import NIOCore

/// The simulator's twin of an engine: a log on a virtual disk, and its contents in memory.
///
/// Its calls return at once, but the driver lets their time pass: what a commit wrote becomes visible to readers, and a
/// sync holds, when the driver says ``callsReturned()``. A crash before that finds them under way.
final class VirtualEngine: NodeEngine, @unchecked Sendable {
    // Unchecked: a simulation runs in one thread.

    private var disk: VirtualDisk
    private var writerRecords: OrderedRecords
    private var readerRecords: OrderedRecords
    /// Commits that have not returned: not yet visible to readers.
    private var unreturned: [WriteBatch] = []
    /// The log's length, and what of it calls that have returned made.
    private var length: Int
    private var returnedLength: Int
    private var number: UInt64
    private var synced: UInt64
    private var isSyncing = false
    private var isClosed = false
    private var commits = 0
    private var syncs = 0
    private(set) var ended = false
    /// The log has been damaged: it may end earlier than its writer thinks.
    private var isFileDamaged = false
    var view = EngineView.writer
    var trouble: EngineTrouble? {
        didSet { disk.isFull = trouble == .full }
    }

    /// Live bytes times this is how long the log may get.
    private static let bloat = 8
    private static let leastCompacted = 32 << 10

    /// Opens the log that it finds. Of an end that is torn nothing may be left, and that durably: once it is written
    /// over, what stands behind it would count again.
    init(_ disk: VirtualDisk) throws(EngineError) {
        var disk = disk
        let bytes = disk.read(VirtualLog.name) ?? []
        let recovery = try VirtualLog.recover(bytes)
        if disk.exists(VirtualLog.name) {
            if recovery.length < bytes.count {
                disk.truncate(VirtualLog.name, to: recovery.length)
                try disk.sync(VirtualLog.name)
            }
        } else {
            disk.create(VirtualLog.name)
            disk.syncNames()
        }
        self.disk = disk
        writerRecords = recovery.records
        readerRecords = recovery.records
        length = recovery.length
        returnedLength = length
        number = recovery.number
        synced = disk.isDirty(VirtualLog.name) ? 0 : number
    }

    var kind: EngineKind { .memory }
    /// Of the keys and values in it.
    var byteCount: Int { writerRecords.byteCount }
    var hasUnsynced: Bool { disk.isDirty(VirtualLog.name) }

    func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try checkOpen("read")
        guard let value = view == .writer ? writerRecords[key] : readerRecords[key] else { return try body(nil) }
        try value.withUnsafeReadableBytes { try body($0) }
    }

    func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        try begin("commit")
        let record = VirtualLog.record(batch, number: number + 1, synced: synced)
        if trouble == .failOnce {
            trouble = nil
            // Half of it was written when the disk gave up: it must not be found there.
            try disk.write(Array(record.prefix(record.count / 2)), to: VirtualLog.name, at: length)
            disk.truncate(VirtualLog.name, to: length)
            throw EngineError(.failed, operation: "commit", detail: "the disk reported an error")
        }
        try disk.write(record, to: VirtualLog.name, at: length)
        commits += 1
        number += 1
        length += record.count
        unreturned.append(batch)
        writerRecords.apply(batch)
        if durability == .synced { try startSync() }
    }

    func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try checkOpen("scan")
        let snapshot = view == .writer ? writerRecords : readerRecords
        for index in snapshot.indices(in: range) {
            let step = try snapshot.keys[index].withUnsafeReadableBytes { key in
                try snapshot.values[index].withUnsafeReadableBytes { try body(key, $0) }
            }
            if step == .stop { return }
        }
    }

    func sync() throws(EngineError) {
        try begin("sync")
        try startSync()
    }

    func statistics() throws(EngineError) -> EngineStatistics {
        try checkOpen("statistics")
        return EngineStatistics(entries: writerRecords.keys.count, diskBytes: length, commits: commits, syncs: syncs)
    }

    /// Ends the log with a record that says how much was synced: a last commit that is damaged later is then not taken
    /// for one that was never finished.
    func close() throws(EngineError) {
        guard !isClosed else { return }
        defer { isClosed = true }
        if ended { throw EngineError(.syncFailed, operation: "close", detail: "an earlier sync failed") }
        callsReturned()
        disk.failsNextSync = trouble == .failSync
        do throws(EngineError) {
            try disk.sync(VirtualLog.name)
            synced = number
            number += 1
            let record = VirtualLog.record(WriteBatch(), number: number, synced: synced)
            try disk.write(record, to: VirtualLog.name, at: length)
            try disk.sync(VirtualLog.name)
            length += record.count
            returnedLength = length
        } catch {
            ended = true
            throw error
        }
    }

    // MARK: The driver's side

    /// The time that the calls so far take is over.
    func callsReturned() {
        if isSyncing, !ended {
            isSyncing = false
            do throws(EngineError) {
                try disk.sync(VirtualLog.name)
                synced = number
                if trouble == nil, length > Self.leastCompacted, length > writerRecords.byteCount * Self.bloat {
                    try compact()
                }
            } catch {
                ended = true
            }
        }
        returnedLength = length
        for batch in unreturned { readerRecords.apply(batch) }
        unreturned.removeAll(keepingCapacity: true)
    }

    func left(after end: NodeEnd, _ generator: inout SeededGenerator) -> (image: StoreImage, loss: StoreLoss) {
        var left = disk
        if end == .cleanStop, isClosed, !ended { return (.disk(left), .nothing) }
        if end == .kill, !ended {
            // Every commit that returned, and any part of the one under way.
            left.truncate(VirtualLog.name, to: generator.within(min(returnedLength, length)...length))
            return (.disk(left), isFileDamaged ? .anything : .nothing)
        }
        left.losePower(&generator)
        return (.disk(left), isFileDamaged ? .anything : .unsynced)
    }

    func keys(in range: KeyRange) -> [ByteBuffer] { Array(writerRecords.keys[writerRecords.indices(in: range)]) }

    func value(of key: ByteBuffer) -> ByteBuffer? { writerRecords[key] }

    func damage(_ key: ByteBuffer, bit: Int) {
        disk.edit(VirtualLog.name) { VirtualLog.damage(&$0, key, bit: bit) }
        if let value = writerRecords[key] { writerRecords.put(value.flipped(bit), for: key) }
        if let value = readerRecords[key] { readerRecords.put(value.flipped(bit), for: key) }
    }

    func damageFile(bit: Int) -> Bool {
        isFileDamaged = isFileDamaged || disk.damage(VirtualLog.name, bit: bit)
        return isFileDamaged
    }

    func rollBack(_ key: ByteBuffer, to value: ByteBuffer?) {
        var batch = WriteBatch()
        if let value { batch.put(value, for: key) } else { batch.delete(key) }
        let record = VirtualLog.record(batch, number: number + 1, synced: synced)
        guard (try? disk.write(record, to: VirtualLog.name, at: length)) != nil else { return }
        number += 1
        length += record.count
        unreturned.append(batch)
        writerRecords.apply(batch)
    }

    // MARK: Inside

    /// Calls come one at a time: the ones before it have returned.
    private func begin(_ operation: String) throws(EngineError) {
        try checkOpen(operation)
        if ended { throw EngineError(.syncFailed, operation: operation, detail: "an earlier sync failed") }
        if isSyncing { callsReturned() }
    }

    private func startSync() throws(EngineError) {
        if trouble == .failSync {
            trouble = nil
            disk.failsNextSync = true
            ended = true
            try disk.sync(VirtualLog.name)
        }
        syncs += 1
        isSyncing = true
    }

    /// All that lives, as one record of a new log that takes the old one's name.
    private func compact() throws(EngineError) {
        var batch = WriteBatch()
        for index in writerRecords.keys.indices {
            batch.put(writerRecords.values[index], for: writerRecords.keys[index])
        }
        let record = VirtualLog.record(batch, number: number, synced: 0)
        let new = VirtualLog.name + ".new"
        disk.create(new)
        disk.truncate(new, to: 0)
        try disk.write(record, to: new, at: 0)
        try disk.sync(new)
        try disk.rename(new, to: VirtualLog.name)
        disk.syncNames()
        length = record.count
        isFileDamaged = false
    }

    private func checkOpen(_ operation: String) throws(EngineError) {
        guard !isClosed else { throw EngineError(.closed, operation: operation, detail: "the engine is closed") }
    }
}
