import CXXHash
import Engines
import NIOCore
import Node
import Versions

/// The store's sequence of births (design: truth 4), durably reserved in blocks, in the engine's own transactions.
struct BirthReservation {
    private static let key = RecordKey.metadata("births")

    private var source: ActorSource

    /// Births given before are all below the ceiling found.
    ///
    /// - Parameter isOfHints: A key's own record and its hints are in two stores: their births must never be the same.
    init(engine: any LocalPersistenceEngine, isOfHints: Bool) throws {
        var ceiling: UInt64 = isOfHints ? 1 << 56 : 0
        try engine.read(Self.key) { value in
            guard let value else { return }
            var buffer = ByteBuffer(bytes: value)
            guard let stored = buffer.readInteger(as: UInt64.self), let checksum = buffer.readInteger(as: UInt64.self),
                buffer.readableBytes == 0, checksum == Self.checksum(of: stored)
            else {
                // A lower number than was stored would give births a second time: nothing may be guessed here.
                throw EngineError(
                    .damaged, operation: "read the births record",
                    detail: "its \(value.count) bytes are not what was written: restore the store, or remove the"
                        + " node's whole data folder, so that it starts anew under another incarnation")
            }
            ceiling = stored
        }
        source = ActorSource(node: 0, incarnation: 0, birthCeiling: ceiling, birthFloor: 0)
    }

    var isDistrusted: Bool { source.birthFloor > 0 }

    /// The actor that mints onto `stored`.
    mutating func actor(
        _ minter: Minter, onto stored: Record?, _ context: Context?, _ engine: any LocalPersistenceEngine
    ) throws(StorageFailure) -> Actor {
        if source.node != minter.node || source.incarnation != minter.incarnation {
            source = ActorSource(
                node: minter.node, incarnation: minter.incarnation, birthCeiling: source.birthCeiling,
                birthFloor: source.birthFloor)
        }
        if let actor = source.actor(onto: stored?.object, mark: stored?.mark, context: context) { return actor }
        try reserveNow(engine)
        guard let actor = source.actor(onto: stored?.object, mark: stored?.mark, context: context) else {
            throw .failed("no births left below \(source.birthCeiling)")
        }
        return actor
    }

    /// Births have run out before a group's commit could carry a reservation: the store's first mint.
    private mutating func reserveNow(_ engine: any LocalPersistenceEngine) throws(StorageFailure) {
        var batch = WriteBatch()
        guard let ceiling = addReservation(to: &batch) else { return }
        do throws(EngineError) {
            try engine.commit(batch, durability: .synced)
        } catch {
            throw StorageFailure(error)
        }
        source.reserved(ceiling)
    }

    /// Adds a new ceiling to a batch where one is due; it holds once the batch is durable.
    func addReservation(to batch: inout WriteBatch) -> UInt64? {
        guard let ceiling = source.reservationNeeded() else { return nil }
        var value = ByteBuffer()
        value.writeInteger(ceiling)
        value.writeInteger(Self.checksum(of: ceiling))
        batch.put(value, for: Self.key)
        return ceiling
    }

    private static func checksum(of ceiling: UInt64) -> UInt64 {
        withUnsafeBytes(of: ceiling.littleEndian) { XXH3_64bits_withSeed($0.baseAddress, $0.count, 0x6269_7274_6873) }
    }

    mutating func reserved(_ ceiling: UInt64) {
        source.reserved(ceiling)
    }

    mutating func distrust() {
        source.distrustBirths()
    }
}
