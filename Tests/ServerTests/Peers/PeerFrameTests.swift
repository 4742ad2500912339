import NIOCore
import Testing

@testable import Server

@Suite struct PeerFrameTests {
    @Test("frames come out whole however the bytes are cut")
    func anyCut() throws {
        for seed in 0..<500 as Range<UInt64> {
            var random = TestRandom(seed: seed)
            var bytes = ByteBuffer()
            var bodies: [ByteBuffer] = []
            for _ in 0...random.below(8) {
                let body = random.bytes(upTo: 300)
                bodies.append(body)
                #expect(PeerFrame.append(.message, to: &bytes) { $0.writeImmutableBuffer(body) })
            }
            var reader = PeerFrameReader()
            var found: [ByteBuffer] = []
            while bytes.readableBytes > 0 {
                let count = min(bytes.readableBytes, 1 + random.below(120))
                if let chunk = bytes.readSlice(length: count) { reader.append(chunk) }
                while let frame = try reader.next() {
                    #expect(frame.kind == .message)
                    found.append(frame.body)
                }
            }
            #expect(found == bodies, "seed \(seed)")
        }
    }

    @Test("a length beyond the limit, of zero, or of a line of HTTP is refused at once")
    func badLengths() throws {
        for head in [UInt32(PeerFrame.handshakeLimit) + 1, 0, UInt32.max] {
            var reader = PeerFrameReader()
            reader.append(ByteBuffer(integer: head))
            #expect(throws: PeerFrameError.self) { try reader.next() }
        }
        var reader = PeerFrameReader()
        reader.append(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(throws: PeerFrameError.length(0x4745_5420, limit: PeerFrame.handshakeLimit)) { try reader.next() }
    }

    @Test("an unknown kind of frame is refused")
    func badKind() {
        var reader = PeerFrameReader()
        reader.append(ByteBuffer(bytes: [0, 0, 0, 1, 99]))
        #expect(throws: PeerFrameError.kind(99)) { try reader.next() }
    }

    @Test("a frame too long is not appended")
    func tooLong() {
        var bytes = ByteBuffer(string: "before")
        let appended = PeerFrame.append(.message, to: &bytes) {
            $0.writeRepeatingByte(1, count: PeerFrame.limit)
        }
        #expect(!appended)
        #expect(bytes == ByteBuffer(string: "before"))
    }
}
