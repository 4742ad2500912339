import Engines
import NIOCore

/// A real engine in a folder of its own, under a simulated node: its code runs under the cluster's traffic and is
/// opened anew at every start.
///
/// The process does not die with the node, so no crash takes anything from it: its own tests kill real processes.
final class RealEngine: NodeEngine, @unchecked Sendable {
    // Unchecked: a simulation runs in one thread.

    private let inner: any LocalPersistenceEngine
    private(set) var ended = false
    private(set) var hasUnsynced = false
    var view = EngineView.writer
    var trouble: EngineTrouble?

    init(_ kind: EngineKind, at path: String, _ image: StoreImage) throws(EngineError) {
        var imported: OrderedRecords?
        switch image {
        case .folder: break
        case .disk: try FileCalls.removeTree(path, operation: "wipe \(path)")
        case .records(let records):
            try FileCalls.removeTree(path, operation: "wipe \(path)")
            imported = records
        }
        var options = EngineOptions()
        options.initialMapBytes = 64 << 20
        options.cacheBytes = 1 << 20
        inner = try EngineFactory.open(kind, at: path, options: options)
        guard let imported else { return }
        var batch = WriteBatch()
        for index in imported.keys.indices { batch.put(imported.values[index], for: imported.keys[index]) }
        try inner.commit(batch, durability: .synced)
    }

    var kind: EngineKind { inner.kind }

    func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try inner.read(key, body)
    }

    func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        try checkTrouble("commit", syncs: durability == .synced)
        try inner.commit(batch, durability: durability)
        hasUnsynced = durability == .unsynced
    }

    func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try inner.scan(range, body)
    }

    func sync() throws(EngineError) {
        try checkTrouble("sync", syncs: true)
        try inner.sync()
        hasUnsynced = false
    }

    func statistics() throws(EngineError) -> EngineStatistics { try inner.statistics() }

    func close() throws(EngineError) {
        try inner.close()
        if ended { throw EngineError(.syncFailed, operation: "close", detail: "an earlier sync failed") }
    }

    private func checkTrouble(_ operation: String, syncs: Bool) throws(EngineError) {
        if ended { throw EngineError(.syncFailed, operation: operation, detail: "an earlier sync failed") }
        switch trouble {
        case .failOnce:
            trouble = nil
            throw EngineError(.failed, operation: operation, detail: "the disk reported an error")
        case .full: throw EngineError(.full, operation: operation, detail: "no space left")
        case .failSync where syncs:
            trouble = nil
            ended = true
            throw EngineError(.syncFailed, operation: operation, detail: "the disk did not take what was written")
        case .failSync, nil: break
        }
    }

    // MARK: The driver's side

    func callsReturned() {}

    func left(after end: NodeEnd, _ generator: inout SeededGenerator) -> (image: StoreImage, loss: StoreLoss) {
        // Closing it again does nothing; a store that was not closed is let go here.
        try? inner.close()
        return (.folder, .nothing)
    }

    func snapshot(_ generator: inout SeededGenerator) -> StoreImage {
        var records = OrderedRecords()
        for key in keys(in: .all) {
            if let value = value(of: key) { records.put(value, for: key) }
        }
        return .records(records)
    }

    func keys(in range: KeyRange) -> [ByteBuffer] {
        var keys: [ByteBuffer] = []
        try? inner.scan(range) { key, _ in
            keys.append(ByteBuffer(bytes: key))
            return .proceed
        }
        return keys
    }

    func value(of key: ByteBuffer) -> ByteBuffer? {
        var found: ByteBuffer?
        try? inner.read(key) { value in found = value.map { ByteBuffer(bytes: $0) } }
        return found
    }

    func damage(_ key: ByteBuffer, bit: Int) {
        guard let value = value(of: key) else { return }
        rollBack(key, to: value.flipped(bit))
    }

    func damageFile(bit: Int) -> Bool { false }

    func rollBack(_ key: ByteBuffer, to value: ByteBuffer?) {
        var batch = WriteBatch()
        if let value { batch.put(value, for: key) } else { batch.delete(key) }
        try? inner.commit(batch, durability: .unsynced)
    }
}
