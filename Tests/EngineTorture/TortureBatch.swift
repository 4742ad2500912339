import Engines
import NIOCore

/// The batches of the kill test: what number *n* writes follows from *n*, so that whoever opens the store later can
/// tell a whole batch from a torn one.
///
/// Batch *n* overwrites every slot, adds entries of its own, and deletes those of batch *n* − 50 as a range.
enum TortureBatch {
    static let slots = 16
    static let ownEntries = 8
    static let kept = 50

    /// So small that every part of a write path is under way at some kill.
    static let writePathOptions = {
        var options = WritePathOptions()
        options.bufferBytes = 512 << 10
        options.transactionBytes = 64 << 10
        options.segmentBytes = 128 << 10
        options.logBytes = 1 << 20
        return options
    }()

    static func batch(_ number: Int) -> WriteBatch {
        var batch = WriteBatch()
        for slot in 0..<slots { batch.put(value(number, slot), for: slotKey(slot)) }
        for entry in 0..<ownEntries { batch.put(value(number, entry), for: ownKey(number, entry)) }
        let gone = number - kept
        batch.deleteRange(KeyRange(from: ownPrefix(gone), to: ownPrefix(gone + 1)))
        return batch
    }

    /// The number of the newest batch in a store; 0 for an empty one.
    static func newest(in engine: any LocalPersistenceEngine) throws -> Int {
        var number = 0
        try engine.read(slotKey(0)) { bytes in
            guard let bytes else { return }
            guard let found = Int(String(decoding: bytes.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)) else {
                throw TornBatch(description: "slot 0 holds no batch: \(bytes.count) bytes")
            }
            number = found
        }
        return number
    }

    /// Fails unless the store holds exactly what the batches up to some number leave, `acknowledged` or above. Gives
    /// back that number.
    static func check(_ engine: any LocalPersistenceEngine, acknowledged: Int) throws -> Int {
        let number = try newest(in: engine)
        guard number >= acknowledged else {
            throw TornBatch(description: "batch \(acknowledged) was acknowledged, the newest is \(number)")
        }
        var expected: [(key: ByteBuffer, value: ByteBuffer)] = []
        if number > 0 {
            for batch in max(1, number - kept + 1)...number {
                for entry in 0..<ownEntries { expected.append((ownKey(batch, entry), value(batch, entry))) }
            }
            for slot in 0..<slots { expected.append((slotKey(slot), value(number, slot))) }
        }
        var index = 0
        try engine.scan(.all) { key, value in
            guard index < expected.count, expected[index].key == ByteBuffer(bytes: key),
                expected[index].value == ByteBuffer(bytes: value)
            else {
                throw TornBatch(
                    description: """
                        newest batch \(number): entry \(index) of \(expected.count) is \
                        \(String(decoding: key.prefix(40), as: UTF8.self)) with \
                        \(String(decoding: value.prefix(20), as: UTF8.self))
                        """)
            }
            index += 1
            return .proceed
        }
        guard index == expected.count else {
            throw TornBatch(description: "newest batch \(number): \(index) entries of \(expected.count)")
        }
        return number
    }

    private static func slotKey(_ slot: Int) -> ByteBuffer {
        ByteBuffer(string: "slot/\(padded(slot, 2))")
    }

    private static func ownPrefix(_ number: Int) -> ByteBuffer {
        ByteBuffer(string: "batch/\(padded(max(number, 0), 12))/")
    }

    /// The last of each batch is beyond LMDB's limit of 511 bytes.
    private static func ownKey(_ number: Int, _ entry: Int) -> ByteBuffer {
        var key = ownPrefix(number)
        key.writeString("\(entry)")
        if entry == ownEntries - 1 { key.writeRepeatingByte(UInt8(ascii: "x"), count: 1_200) }
        return key
    }

    /// Of 0 to about 6,000 bytes beyond the number, so that all engines also use overflow pages.
    private static func value(_ number: Int, _ place: Int) -> ByteBuffer {
        var value = ByteBuffer(string: "\(number):\(place):")
        value.writeRepeatingByte(
            UInt8(truncatingIfNeeded: number &+ place), count: (number &* 31 &+ place &* 997) % 6_000)
        return value
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

struct TornBatch: Error, CustomStringConvertible {
    let description: String
}
