import NIOCore
import Placement
import Testing
import Versions

@testable import Node

@Suite struct NodeRecordTests {
    private func record(seed: UInt64) -> NodeRecord {
        var generator = SplitMix64(seed: seed)
        var record = NodeRecord(member: MemberID(rawValue: generator.next()))
        record.revision = generator.next()
        record.start = start(&generator)
        record.isConfirmed = generator.below(2) == 0
        record.clockCeiling = HybridTime(rawValue: generator.next())
        for _ in 0..<generator.below(6) {
            record.remember(start(&generator), of: MemberID(rawValue: generator.next()))
        }
        return record
    }

    private func start(_ generator: inout SplitMix64) -> StartRecord {
        StartRecord(number: generator.next(), session: generator.next(), incarnation: generator.next())
    }

    @Test("a record is read back as it was written")
    func roundTrip() throws {
        for seed in UInt64(0)..<200 {
            let record = record(seed: seed)
            #expect(try NodeRecord(decoding: record.encoded()) == record, "seed \(seed)")
        }
    }

    @Test("a record that is cut short, or goes on after its end, or has another format, is refused")
    func damage() throws {
        for seed in UInt64(0)..<20 {
            let bytes = record(seed: seed).encoded()
            for length in 0..<bytes.readableBytes {
                let cut = try #require(bytes.getSlice(at: 0, length: length))
                #expect(throws: NodeRecordDamaged.self, "seed \(seed), \(length) bytes") {
                    try NodeRecord(decoding: cut)
                }
            }
            var longer = bytes
            longer.writeInteger(UInt8(0))
            #expect(throws: NodeRecordDamaged.self) { try NodeRecord(decoding: longer) }
            var other = bytes
            other.setInteger(UInt8(3), at: 0)
            #expect(throws: NodeRecordDamaged.self) { try NodeRecord(decoding: other) }
        }
    }

    @Test("a claimed number of peers reserves no memory")
    func hugeCount() {
        var bytes = NodeRecord(member: MemberID(rawValue: 1)).encoded()
        bytes.setInteger(UInt32.max, at: bytes.writerIndex - 4)
        #expect(throws: NodeRecordDamaged.self) { try NodeRecord(decoding: bytes) }
    }

    @Test("peers are remembered in order, each once, the last start said")
    func peers() {
        for seed in UInt64(0)..<50 {
            var generator = SplitMix64(seed: seed)
            var record = NodeRecord(member: MemberID(rawValue: 0))
            var model: [UInt64: StartRecord] = [:]
            for _ in 0..<40 {
                let member = UInt64(generator.below(10))
                let start = start(&generator)
                record.remember(start, of: MemberID(rawValue: member))
                model[member] = start
            }
            #expect(record.peers.map(\.member.rawValue) == model.keys.sorted(), "seed \(seed)")
            for peer in record.peers { #expect(peer.start == model[peer.member.rawValue], "seed \(seed)") }
        }
    }

    @Test("a clean stop keeps the incarnation, any other start makes a new and later one")
    func starts() {
        let first = NodeRecord(member: MemberID(rawValue: 1)).started(stoppedCleanly: true, random: 5)
        #expect(first.start.number == 1)
        let clean = first.started(stoppedCleanly: true, random: 6)
        #expect(clean.start.incarnation == first.start.incarnation)
        #expect(clean.start.number == 2 && clean.start.session == 6)
        #expect(clean.revision > first.revision)
        let unclean = clean.started(stoppedCleanly: false, random: 7)
        #expect(unclean.start.incarnation > clean.start.incarnation)
        let other = clean.started(stoppedCleanly: false, random: 8)
        #expect(other.start.incarnation != unclean.start.incarnation, "two copies of one folder are two incarnations")
    }
}
