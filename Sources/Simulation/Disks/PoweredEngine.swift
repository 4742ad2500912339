import Engines
import NIOCore

/// A ``VirtualEngine`` whose calls are over when they return; the power may go in the middle of one.
final class PoweredEngine: LocalPersistenceEngine, @unchecked Sendable {
    // Unchecked: a simulation runs in one thread.

    let virtual: VirtualEngine
    private let power: PowerSupply
    /// Bytes of keys and values beyond which commits are refused with `full`; nil for no limit.
    var limit: Int?

    init(_ disk: VirtualDisk, _ power: PowerSupply) throws(EngineError) {
        virtual = try VirtualEngine(disk)
        self.power = power
    }

    var kind: EngineKind { virtual.kind }

    func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try virtual.read(key, body)
    }

    func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try virtual.scan(range, body)
    }

    func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        if let limit, !batch.onlyDeletes, virtual.byteCount + batch.byteCount > limit {
            throw EngineError(.full, operation: "commit", detail: "more than \(limit) bytes")
        }
        try power.use("commit")
        try virtual.commit(batch, durability: durability)
        try power.use("return from a commit")
        virtual.callsReturned()
    }

    func sync() throws(EngineError) {
        try power.use("sync")
        try virtual.sync()
        try power.use("return from a sync")
        virtual.callsReturned()
    }

    func statistics() throws(EngineError) -> EngineStatistics { try virtual.statistics() }

    func close() throws(EngineError) {
        try power.use("close")
        try virtual.close()
    }

    /// What stands on its disk after the node's end.
    func left(after end: NodeEnd, _ generator: inout SeededGenerator) -> VirtualDisk {
        guard case .disk(let disk) = virtual.left(after: end, &generator).image else {
            preconditionFailure("a virtual engine is on a virtual disk")
        }
        return disk
    }
}
