import CXXHash
import NIOCore

/// How far the engine has what the log has: a record in the engine, changed in the same transaction as the data.
struct AppliedRecord: Equatable {
    /// The number of the newest commit that the engine has.
    var number: UInt64
    /// The log's, drawn at random.
    var identity: UInt64
    /// Whether the log may be gone, since it has nothing that the engine lacks: it is being made, or given up.
    var isRetired = false

    /// No commit may name it, and no read, scan or count finds it. Behind all keys that the object store has.
    static let key = ByteBuffer(bytes: [0xFF, 0xFF, 0xFF, 0xFF] + Array("rotor: applied number of the log".utf8))

    private static let format: UInt8 = 1

    init(number: UInt64, identity: UInt64, isRetired: Bool) {
        self.number = number
        self.identity = identity
        self.isRetired = isRetired
    }

    /// Nil where the engine has none.
    init?(in engine: any LocalPersistenceEngine) throws(EngineError) {
        var found: ByteBuffer?
        do {
            try engine.read(Self.key) { bytes in found = bytes.map { ByteBuffer(bytes: $0) } }
        } catch let error as EngineError {
            throw error
        } catch {
            preconditionFailure("read the applied number: \(error)")
        }
        guard var bytes = found else { return nil }
        guard let format = bytes.readInteger(as: UInt8.self) else { throw Self.damaged("it is empty") }
        guard format <= Self.format else {
            throw EngineError(
                .foreign, operation: "open the log",
                detail: "log format \(format), this program knows up to \(Self.format); use a newer rotor")
        }
        guard let state = bytes.readInteger(as: UInt8.self), let number = bytes.readInteger(as: UInt64.self),
            let identity = bytes.readInteger(as: UInt64.self), let checksum = bytes.readInteger(as: UInt64.self),
            bytes.readableBytes == 0, state < 2
        else { throw Self.damaged("it has another length") }
        self.init(number: number, identity: identity, isRetired: state == 1)
        guard checksum == self.checksum else { throw Self.damaged("wrong checksum") }
    }

    func put(into batch: inout WriteBatch) {
        var value = ByteBuffer()
        value.writeInteger(Self.format)
        value.writeInteger(UInt8(isRetired ? 1 : 0))
        value.writeInteger(number)
        value.writeInteger(identity)
        value.writeInteger(checksum)
        batch.put(value, for: Self.key)
    }

    private var checksum: UInt64 {
        withUnsafeBytes(of: (number.littleEndian, identity.littleEndian)) {
            XXH3_64bits_withSeed($0.baseAddress, $0.count, isRetired ? 1 : 0)
        }
    }

    private static func damaged(_ what: String) -> EngineError {
        EngineError(
            .damaged, operation: "open the log",
            detail: "the engine's record of the applied number is not what was written (\(what));"
                + " restore the store, or remove it so that other replicas fill it again")
    }
}
