import Engines
import NIOCore
import Node
import Placement
import Testing
import Versions

@testable import Storage

@Suite struct RecordTests {
    private let key = RecordKey.object(StoreFixture.key("k"), partition: 3)

    private func record(marked: Bool) throws -> Record {
        let object = try StoreFixture.foreign("left", birth: 1).merged(
            with: try StoreFixture.foreign("right", birth: 2), policy: .siblings)
        return Record(mark: marked ? MintMark(incarnation: 5, birth: 6, counter: 7) : nil, object: object)
    }

    @Test("a record is read back as it was written, with and without the mark")
    func roundTrip() throws {
        for marked in [false, true] {
            let record = try record(marked: marked)
            let read = try Record(decoding: record.encoded(under: key), under: key)
            #expect(read.object == record.object)
            #expect(read.mark == record.mark)
        }
    }

    @Test("every single flipped bit of a record is damage")
    func bitFlips() throws {
        for marked in [false, true] {
            let bytes = try record(marked: marked).encoded(under: key)
            for bit in 0..<bytes.readableBytes * 8 {
                var flipped = ByteBuffer(bytes: bytes.readableBytesView)
                let byte = try #require(flipped.getInteger(at: bit / 8, as: UInt8.self))
                flipped.setInteger(byte ^ (1 << UInt8(bit % 8)), at: bit / 8)
                #expect(throws: RecordDamaged.self, "bit \(bit)") { try Record(decoding: flipped, under: key) }
            }
        }
    }

    @Test("a record that is cut short or goes on after its end is damage")
    func lengths() throws {
        let bytes = try record(marked: true).encoded(under: key)
        for length in 0..<bytes.readableBytes {
            let cut = try #require(bytes.getSlice(at: 0, length: length))
            #expect(throws: RecordDamaged.self, "\(length) bytes") { try Record(decoding: cut, under: key) }
        }
        var longer = bytes
        longer.writeInteger(UInt8(0))
        #expect(throws: RecordDamaged.self) { try Record(decoding: longer, under: key) }
    }

    @Test("a sound record under another key is damage")
    func otherKey() throws {
        let bytes = try record(marked: true).encoded(under: key)
        for other in [
            RecordKey.object(StoreFixture.key("l"), partition: 3),
            RecordKey.object(StoreFixture.key("k"), partition: 4),
        ] {
            #expect(throws: RecordDamaged.self) { try Record(decoding: bytes, under: other) }
        }
    }
}

@Suite struct RecordKeyTests {
    private struct Parts: Comparable {
        var partition: Int
        var type: [UInt8]
        var bucket: [UInt8]
        var key: [UInt8]

        var objectKey: ObjectKey {
            ObjectKey(type: ByteBuffer(bytes: type), bucket: ByteBuffer(bytes: bucket), key: ByteBuffer(bytes: key))
        }

        var recordKey: [UInt8] { Array(RecordKey.object(objectKey, partition: partition).readableBytesView) }

        static func < (left: Parts, right: Parts) -> Bool {
            if left.partition != right.partition { return left.partition < right.partition }
            for (mine, others) in [(left.type, right.type), (left.bucket, right.bucket), (left.key, right.key)]
            where mine != others {
                return mine.lexicographicallyPrecedes(others)
            }
            return false
        }
    }

    /// Short names of few different bytes, zeros among them, so that one is often the beginning of another.
    private func parts(_ generator: inout SplitMix64) -> Parts {
        let bytes: [UInt8] = [0, 0, 1, 2, 254, 255]
        func name() -> [UInt8] {
            (0..<generator.below(4)).map { _ in bytes[generator.below(bytes.count)] }
        }
        let partitions = [0, 1, 255, 256, 65_535]
        return Parts(
            partition: partitions[generator.below(partitions.count)], type: name(), bucket: name(), key: name())
    }

    @Test("keys stand in the order of partition, type, bucket and key, whatever bytes those are")
    func order() {
        for seed in UInt64(0)..<2000 {
            var generator = SplitMix64(seed: seed)
            let left = parts(&generator)
            let right = parts(&generator)
            let expected = left < right
            let actual = left.recordKey.lexicographicallyPrecedes(right.recordKey)
            if actual != expected { Issue.record("seed \(seed): \(left) and \(right)") }
            if (left == right) != (left.recordKey == right.recordKey) { Issue.record("seed \(seed): not one to one") }
        }
    }

    @Test("a partition's range holds its keys, all of them and no others")
    func ranges() {
        for seed in UInt64(0)..<2000 {
            var generator = SplitMix64(seed: seed)
            let parts = parts(&generator)
            for partition in [0, 1, 255, 256, 65_535] {
                let range = RecordKey.objects(of: partition)
                let key = parts.recordKey
                let isAbove = !key.lexicographicallyPrecedes(Array(range.lowerBound.readableBytesView))
                let isBelow =
                    range.upperBound.map { key.lexicographicallyPrecedes(Array($0.readableBytesView)) } ?? true
                if (isAbove && isBelow) != (partition == parts.partition) {
                    Issue.record("seed \(seed): \(parts) and the range of \(partition)")
                }
            }
        }
    }

    @Test("the longest names, all of them escaped, still fit the engines' keys")
    func longest() {
        let key = ObjectKey(
            type: ByteBuffer(repeating: 0, count: 255), bucket: ByteBuffer(repeating: 0, count: 512),
            key: ByteBuffer(repeating: 0, count: 2048))
        #expect(RecordKey.object(key, partition: 65_535).readableBytes <= EngineLimits.maximumKeyLength)
    }

    @Test("a store's own figures are outside every partition")
    func metadata() {
        let key = Array(RecordKey.metadata("births").readableBytesView)
        let first = Array(RecordKey.objects(of: 0).lowerBound.readableBytesView)
        #expect(key.lexicographicallyPrecedes(first))
    }
}
