import Engines
import NIOCore

/// What an engine's files hold: what was synced, and the commits since, in their order.
struct EngineImage {
    var synced = OrderedRecords()
    /// In the machine's page cache: a killed process leaves them, a power failure keeps any prefix of them.
    var unsynced: [WriteBatch] = []

    var records: OrderedRecords {
        var records = synced
        for batch in unsynced { records.apply(batch) }
        return records
    }

    /// A bit of a stored value flips, wherever the value is kept.
    mutating func damage(_ key: ByteBuffer, bit: Int) {
        if let value = synced[key] { synced.put(Self.flipped(value, bit), for: key) }
        for index in unsynced.indices {
            var batch = WriteBatch()
            for operation in unsynced[index].operations {
                switch operation {
                case .put(let put, let value): batch.put(put == key ? Self.flipped(value, bit) : value, for: put)
                case .delete(let key): batch.delete(key)
                case .deleteRange(let range): batch.deleteRange(range)
                }
            }
            unsynced[index] = batch
        }
    }

    static func flipped(_ value: ByteBuffer, _ bit: Int) -> ByteBuffer {
        guard value.readableBytes > 0 else { return value }
        var copy = ByteBuffer(bytes: value.readableBytesView)
        let index = (bit / 8) % copy.readableBytes
        let byte = copy.getInteger(at: index, as: UInt8.self) ?? 0
        copy.setInteger(byte ^ (1 << (bit % 8)), at: index)
        return copy
    }
}

/// The simulator's twin of an engine: commits in order, durable up to the last sync.
///
/// Its calls return at once, but the driver lets their time pass: what a commit wrote becomes visible to readers, and a
/// sync holds, when the driver says ``callsReturned()``. A crash before that finds them under way.
final class VirtualEngine: LocalPersistenceEngine, @unchecked Sendable {
    // Unchecked: a simulation runs in one thread.

    enum View {
        /// What the writer works on: everything committed.
        case writer
        /// Commits that have returned.
        case readers
        /// What a power failure now would surely leave.
        case durable
    }

    enum Trouble {
        /// The next commit fails and leaves nothing.
        case failOnce
        /// Commits fail until there is room.
        case full
        /// The next sync fails, and with it the engine ends.
        case failSync
    }

    private var image: EngineImage
    private var writerRecords: OrderedRecords
    private var readerRecords: OrderedRecords
    /// How many of the unsynced commits have returned.
    private var returned: Int
    /// How many of the unsynced commits a sync under way covers.
    private var syncing = 0
    private var hasEnded = false
    private var isClosed = false
    private var commits = 0
    private var syncs = 0
    var view = View.writer
    var trouble: Trouble?

    init(_ image: EngineImage) {
        self.image = image
        writerRecords = image.records
        readerRecords = writerRecords
        returned = image.unsynced.count
    }

    var kind: EngineKind { .memory }
    var hasUnsynced: Bool { !image.unsynced.isEmpty }
    var ended: Bool { hasEnded }

    func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try checkOpen("read")
        guard let value = viewed[key] else { return try body(nil) }
        try value.withUnsafeReadableBytes { try body($0) }
    }

    func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        try begin("commit")
        switch trouble {
        case .failOnce:
            trouble = nil
            throw EngineError(.failed, operation: "commit", detail: "the disk reported an error")
        case .full: throw EngineError(.full, operation: "commit", detail: "no space left")
        case .failSync, nil: break
        }
        commits += 1
        image.unsynced.append(batch)
        writerRecords.apply(batch)
        if durability == .synced { try startSync("commit") }
    }

    func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try checkOpen("scan")
        let snapshot = viewed
        for index in snapshot.indices(in: range) {
            let step = try snapshot.keys[index].withUnsafeReadableBytes { key in
                try snapshot.values[index].withUnsafeReadableBytes { try body(key, $0) }
            }
            if step == .stop { return }
        }
    }

    func sync() throws(EngineError) {
        try begin("sync")
        try startSync("sync")
    }

    func statistics() throws(EngineError) -> EngineStatistics {
        try checkOpen("statistics")
        return EngineStatistics(entries: writerRecords.keys.count, diskBytes: 0, commits: commits, syncs: syncs)
    }

    func close() throws(EngineError) {
        guard !isClosed else { return }
        defer { isClosed = true }
        if hasEnded { throw EngineError(.syncFailed, operation: "close", detail: "an earlier sync failed") }
        callsReturned()
        if trouble == .failSync { throw EngineError(.syncFailed, operation: "close", detail: "the sync failed") }
        syncing = image.unsynced.count
        callsReturned()
    }

    // MARK: The driver's side

    /// The time that the calls so far take is over.
    func callsReturned() {
        for batch in image.unsynced[..<syncing] { image.synced.apply(batch) }
        image.unsynced.removeFirst(syncing)
        syncing = 0
        returned = image.unsynced.count
        readerRecords = writerRecords
    }

    /// The files after a power failure: what was synced, and any prefix of what was not.
    func imageAfterPowerFailure(_ generator: inout SeededGenerator) -> EngineImage {
        var left = image
        for batch in image.unsynced.prefix(generator.below(image.unsynced.count + 1)) { left.synced.apply(batch) }
        left.unsynced = []
        return left
    }

    /// The files after the process was killed: every commit that returned, and perhaps the one under way.
    func imageAfterKill(_ generator: inout SeededGenerator) -> EngineImage {
        var left = image
        let count = generator.within(returned...max(returned, image.unsynced.count))
        left.unsynced = Array(image.unsynced.prefix(count))
        return left
    }

    /// The files after ``close()``.
    var imageAfterClose: EngineImage { image }

    /// Keys of objects, for faults that hit one.
    func keys(in range: KeyRange) -> [ByteBuffer] { Array(writerRecords.keys[writerRecords.indices(in: range)]) }

    func damage(_ key: ByteBuffer, bit: Int) {
        image.damage(key, bit: bit)
        if let value = writerRecords[key] { writerRecords.put(EngineImage.flipped(value, bit), for: key) }
        if let value = readerRecords[key] { readerRecords.put(EngineImage.flipped(value, bit), for: key) }
    }

    /// Takes a key back to an earlier value behind the store's back: a disk that lies.
    func rollBack(_ key: ByteBuffer, to value: ByteBuffer?) {
        var batch = WriteBatch()
        if let value { batch.put(value, for: key) } else { batch.delete(key) }
        image.unsynced.append(batch)
        if syncing > 0 { syncing += 1 }
        writerRecords.apply(batch)
    }

    func value(of key: ByteBuffer) -> ByteBuffer? { writerRecords[key] }

    // MARK: Inside

    private var viewed: OrderedRecords {
        switch view {
        case .writer: writerRecords
        case .readers: readerRecords
        case .durable: image.synced
        }
    }

    /// Calls come one at a time: the ones before it have returned.
    private func begin(_ operation: String) throws(EngineError) {
        try checkOpen(operation)
        if hasEnded { throw EngineError(.syncFailed, operation: operation, detail: "an earlier sync failed") }
        if syncing > 0 { callsReturned() }
    }

    private func startSync(_ operation: String) throws(EngineError) {
        if trouble == .failSync {
            trouble = nil
            hasEnded = true
            throw EngineError(.syncFailed, operation: operation, detail: "the disk did not take what was written")
        }
        syncs += 1
        syncing = image.unsynced.count
    }

    private func checkOpen(_ operation: String) throws(EngineError) {
        guard !isClosed else { throw EngineError(.closed, operation: operation, detail: "the engine is closed") }
    }
}
