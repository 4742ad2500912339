import NIOCore
import Testing

@testable import RiakWire

@Suite("Metadata of a value")
struct MetadataTests {
    @Test("any metadata comes back as it was, and equal metadata has equal bytes")
    func roundTrip() throws {
        for seed in UInt64(0)..<500 {
            var random = SplitMix64(seed: seed)
            let metadata = Self.metadata(&random)
            let bytes = metadata.encoded()
            #expect(try ObjectMetadata(decoding: bytes) == metadata, "seed \(seed)")
            #expect(try ObjectMetadata(decoding: bytes).encoded() == bytes, "seed \(seed)")
            var random2 = SplitMix64(seed: seed)
            #expect(Self.metadata(&random2).encoded() == bytes, "seed \(seed)")
        }
    }

    @Test("nothing said takes no bytes")
    func empty() throws {
        #expect(ObjectMetadata().encoded().readableBytes == 0)
        #expect(try ObjectMetadata(decoding: ByteBuffer()) == ObjectMetadata())
    }

    @Test("the bytes are those of the format")
    func exactBytes() throws {
        var metadata = ObjectMetadata()
        metadata.contentType = ByteBuffer(string: "a/b")
        metadata.links = [.init(bucket: ByteBuffer(string: "B"), key: ByteBuffer(), tag: ByteBuffer(string: "T"))]
        #expect(
            metadata.encoded()
                == ByteBuffer(
                    bytes: [1, 1, 3] + Array("a/b".utf8) + [5, 1] + Array("B".utf8) + [0, 1] + Array("T".utf8)))
        let long = ByteBuffer(repeating: 7, count: 300)
        metadata = ObjectMetadata()
        metadata.charset = long
        #expect(metadata.encoded() == ByteBuffer(bytes: [1, 2, 0xac, 0x02] + Array(repeating: 7, count: 300)))
    }

    @Test("other formats, unknown fields, wrong order and loose ends are told apart")
    func errors() throws {
        let cases: [([UInt8], MetadataError.Reason, Int)] = [
            ([2, 1, 0], .unknownFormat(2), 0), ([1], .notCanonical, 0), ([1, 7, 0], .unknownField(7), 1),
            ([1, 0], .unknownField(0), 1), ([1, 1, 0, 1, 0], .unordered, 3), ([1, 2, 0, 1, 0], .unordered, 3),
            ([1, 1], .truncated, 2), ([1, 1, 5, 65], .truncated, 2), ([1, 1, 0x80, 0], .notCanonical, 2),
            ([1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], .notCanonical, 2), ([1, 4, 0], .truncated, 3),
        ]
        for (bytes, reason, offset) in cases {
            #expect(throws: MetadataError(reason: reason, offset: offset), "\(bytes)") {
                try ObjectMetadata(decoding: ByteBuffer(bytes: bytes))
            }
        }
    }

    @Test("damaged bytes are refused or give other metadata, and never trap")
    func damage() throws {
        for seed in UInt64(0)..<500 {
            var random = SplitMix64(seed: seed)
            let metadata = Self.metadata(&random)
            var bytes = metadata.encoded()
            guard bytes.readableBytes > 0 else { continue }
            for length in 1..<bytes.readableBytes {
                let prefix = ByteBuffer(bytes.readableBytesView.prefix(length))
                if let cut = try? ObjectMetadata(decoding: prefix) {
                    #expect(cut != metadata, "seed \(seed) cut at \(length)")
                    #expect(cut.encoded() == prefix, "seed \(seed) cut at \(length)")
                }
            }
            let place = Int(random.next() % UInt64(bytes.readableBytes))
            let byte: UInt8 = try #require(bytes.getInteger(at: place))
            bytes.setInteger(byte ^ (1 << UInt8(random.next() % 8)), at: place)
            if let other = try? ObjectMetadata(decoding: bytes) {
                #expect(other != metadata, "seed \(seed)")
                #expect(other.encoded() == bytes, "seed \(seed)")
            }
        }
    }

    static func metadata(_ random: inout SplitMix64) -> ObjectMetadata {
        func bytes() -> ByteBuffer {
            let length = [0, 1, 5, 130][Int(random.next() % 4)]
            return ByteBuffer(bytes: (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        }
        func chance() -> Bool { random.next() % 2 == 0 }
        var metadata = ObjectMetadata()
        if chance() { metadata.contentType = bytes() }
        if chance() { metadata.charset = bytes() }
        if chance() { metadata.contentEncoding = bytes() }
        for _ in 0..<(random.next() % 4) { metadata.userMetadata.append(.init(name: bytes(), value: bytes())) }
        for _ in 0..<(random.next() % 4) {
            metadata.links.append(.init(bucket: bytes(), key: bytes(), tag: bytes()))
        }
        for _ in 0..<(random.next() % 4) { metadata.indexEntries.append(.init(name: bytes(), value: bytes())) }
        return metadata
    }
}
