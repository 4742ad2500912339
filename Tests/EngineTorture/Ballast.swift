import Engines
import NIOCore

/// Entries that only get more: a store that outgrows its cache and its log, until its own file may not grow.
enum Ballast {
    static let perBatch = 4
    private static let valueBytes = 64 << 10

    static func batch(_ number: Int) -> WriteBatch {
        var batch = WriteBatch()
        for entry in 0..<perBatch { batch.put(value(number, entry), for: key(number, entry)) }
        return batch
    }

    /// Fails unless the store holds exactly the batches from 1 to `acknowledged`.
    static func check(_ engine: any LocalPersistenceEngine, acknowledged: Int) throws {
        let entries = try engine.statistics().entries
        guard entries == acknowledged * perBatch else {
            throw TornBatch(description: "\(acknowledged) batches were acknowledged, \(entries) entries are there")
        }
        guard acknowledged > 0 else { return }
        for number in 1...acknowledged {
            for entry in 0..<perBatch {
                try engine.read(key(number, entry)) { bytes in
                    guard let bytes, ByteBuffer(bytes: bytes) == value(number, entry) else {
                        throw TornBatch(description: "batch \(number): entry \(entry) is not what was put")
                    }
                }
            }
        }
    }

    private static func key(_ number: Int, _ entry: Int) -> ByteBuffer {
        ByteBuffer(integer: UInt64(number) * UInt64(perBatch) + UInt64(entry))
    }

    private static func value(_ number: Int, _ entry: Int) -> ByteBuffer {
        var value = blank
        value.setInteger(UInt32(number), at: 0)
        value.setInteger(UInt32(entry), at: valueBytes - 4)
        return value
    }

    private static let blank = ByteBuffer(repeating: 0x5a, count: valueBytes)
}
