import NIOCore
import Node
import Testing
import Versions

@testable import Server

@Suite struct MessageCodingTests {
    private func encoded(_ message: Message) -> ByteBuffer {
        var buffer = ByteBuffer()
        MessageCoding.write(message, into: &buffer)
        return buffer
    }

    @Test("every message comes out as it went in, field by field")
    func roundTrip() throws {
        var kinds: Set<String> = []
        for seed in 0..<3_000 as Range<UInt64> {
            var random = TestRandom(seed: seed)
            let message = random.message()
            let decoded = try MessageCoding.message(from: encoded(message))
            #expect(fingerprint(decoded) == fingerprint(message), "seed \(seed)")
            kinds.insert(String(fingerprint(message).prefix { $0 != ":" }))
        }
        #expect(kinds.count == 13, "\(kinds)")
    }

    @Test("a message cut short anywhere is refused, and one that goes on too")
    func truncation() {
        for seed in 0..<60 as Range<UInt64> {
            var random = TestRandom(seed: seed)
            let bytes = encoded(random.message())
            for length in 0..<bytes.readableBytes {
                var cut = bytes
                cut.moveWriterIndex(to: bytes.readerIndex + length)
                #expect(throws: MessageCodingError.self, "seed \(seed), cut at \(length)") {
                    try MessageCoding.message(from: cut)
                }
            }
            var longer = bytes
            longer.writeInteger(UInt8(0))
            #expect(throws: MessageCodingError.self, "seed \(seed)") { try MessageCoding.message(from: longer) }
        }
    }

    @Test("what flipped bits leave is refused, or is a message that is encoded as it came")
    func bitFlips() {
        var refused = 0
        var taken = 0
        for seed in 0..<2_000 as Range<UInt64> {
            var random = TestRandom(seed: seed)
            var bytes = encoded(random.message())
            for _ in 0...random.below(3) {
                let index = random.below(bytes.readableBytes)
                let byte = bytes.getInteger(at: index, as: UInt8.self) ?? 0
                bytes.setInteger(byte ^ (1 << UInt8(random.below(8))), at: index)
            }
            if let message = try? MessageCoding.message(from: bytes) {
                taken += 1
                #expect(encoded(message) == bytes, "seed \(seed)")
            } else {
                refused += 1
            }
        }
        #expect(refused > 250 && taken > 250, "\(refused) refused, \(taken) taken")
    }

    @Test("random bytes never trap")
    func garbage() {
        for seed in 0..<5_000 as Range<UInt64> {
            var random = TestRandom(seed: seed)
            var bytes = ByteBuffer()
            // Half of them begin like a message.
            bytes.writeInteger(UInt8(random.below(seed % 2 == 0 ? 256 : 10)))
            bytes.writeImmutableBuffer(random.bytes(upTo: 80))
            if let message = try? MessageCoding.message(from: bytes) { #expect(encoded(message) == bytes) }
        }
    }

    @Test("values are slices of what was received, not copies")
    func slices() throws {
        var random = TestRandom(seed: 7)
        let bytes = encoded(
            .replicate(Replicate(correlation: 1, key: random.key(), object: random.object(), .afterAnswer)))
        guard case .replicate(let replicate) = try MessageCoding.message(from: bytes) else {
            Issue.record("not a replicate")
            return
        }
        let value = replicate.object.siblings[0].content.value
        let start = bytes.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        let address = value.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        #expect(address > start && address + UInt(value.readableBytes) <= start + UInt(bytes.readableBytes))
    }

    @Test("a reason of many kilobytes travels cut, between two characters")
    func longReasons() throws {
        let long = String(repeating: "é", count: 5_000)
        let reply = ClientReply.failed(.contextRefused(long))
        let message = try MessageCoding.message(from: encoded(.forwarded(Forwarded(correlation: 1, reply: reply))))
        guard case .forwarded(let forwarded) = message, case .failed(.contextRefused(let text)) = forwarded.reply else {
            Issue.record("\(message)")
            return
        }
        #expect(text == String(repeating: "é", count: 512))
    }
}
