import NIOCore
import RiakWire
import Testing

@Suite("Dates, base64 and multipart")
struct TextFormTests {
    @Test("dates are written as RFC 9110 wants them, and all three forms are read")
    func dates() {
        let cases: [(UInt64, String)] = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (HTTPDate.latest, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ]
        for (seconds, text) in cases {
            #expect(HTTPDate.text(unixSeconds: seconds) == text)
            #expect(HTTPDate.unixSeconds(text, now: 0) == seconds)
        }
        #expect(HTTPDate.text(unixSeconds: .max) == "Fri, 31 Dec 9999 23:59:59 GMT")
        #expect(HTTPDate.unixSeconds("Sunday, 06-Nov-94 08:49:37 GMT", now: 1_700_000_000) == 784_111_777)
        #expect(HTTPDate.unixSeconds("Sun Nov  6 08:49:37 1994", now: 0) == 784_111_777)
        #expect(HTTPDate.unixSeconds("Friday, 01-Jan-27 00:00:00 GMT", now: 1_700_000_000) == 1_798_761_600)
        for bad in [
            "", "yesterday", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 30 Feb 2000 00:00:00 GMT",
            "Sun, 00 Jan 2000 00:00:00 GMT", "Sun, 06 Nov 1969 00:00:00 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 6 Nov 19944 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 994 08:49:37 GMT",
        ] {
            #expect(HTTPDate.unixSeconds(bad, now: 0) == nil, "\(bad)")
        }
    }

    @Test("every day from 1970 to 2400 is read back as it was written")
    func everyDay() {
        var seconds: UInt64 = 0
        while seconds < 13_569_465_600 {
            let text = HTTPDate.text(unixSeconds: seconds)
            guard HTTPDate.unixSeconds(text, now: 0) == seconds else {
                Issue.record("\(seconds) became \(text)")
                return
            }
            seconds += 86_400 + 3_661
        }
    }

    @Test("base64 follows RFC 4648, and takes nothing but what it gives")
    func base64() {
        let vectors = [
            "": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "fooba": "Zm9vYmE=",
            "foobar": "Zm9vYmFy",
        ]
        for (plain, encoded) in vectors {
            #expect(Base64.encoded(ByteBuffer(string: plain)) == encoded)
            #expect(Base64.decoded(encoded) == ByteBuffer(string: plain))
        }
        for seed in UInt64(0)..<300 {
            var random = SplitMix64(seed: seed)
            let bytes = ByteBuffer(
                bytes: (0..<(random.next() % 100)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            #expect(Base64.decoded(Base64.encoded(bytes)) == bytes, "seed \(seed)")
        }
        for bad in [
            "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "=", "====", "Zm9v=", "Zm 9v", "Zg==Zg==", "Zm-_", "Zmü=",
        ] {
            #expect(Base64.decoded(bad) == nil, "\(bad)")
        }
    }

    @Test("multipart bytes are Riak's: a line break before the first boundary and after the last")
    func multipartBytes() {
        let parts = [
            MultipartMixed.Part(
                headers: [("Content-Type", "text/plain"), ("Etag", "a")], body: ByteBuffer(string: "one\r\n")),
            MultipartMixed.Part(headers: [("Content-Type", "text/plain")], body: ByteBuffer()),
        ]
        let multipart = MultipartMixed(parts: parts, tag: "T")
        #expect(multipart.contentType == "multipart/mixed; boundary=rotor-T")
        #expect(
            String(buffer: multipart.encoded())
                == "\r\n--rotor-T\r\nContent-Type: text/plain\r\nEtag: a\r\n\r\none\r\n\r\n--rotor-T\r\n"
                + "Content-Type: text/plain\r\n\r\n\r\n--rotor-T--\r\n")
    }

    @Test("a boundary never occurs in a body, and parts come back whole, whatever they hold")
    func multipartRoundTrip() throws {
        for seed in UInt64(0)..<300 {
            var random = SplitMix64(seed: seed)
            let pieces = [
                "\r\n", "--", "rotor-T", "rotor-T-1", "rotor-T-2", "\r\n--rotor-T--\r\n", "x", "\u{0}", ": ", "-",
            ]
            let parts = (0...(random.next() % 4)).map { number in
                MultipartMixed.Part(
                    headers: [("Content-Type", "a/b"), ("X-Riak-Meta-N", "\(number)")],
                    body: ByteBuffer(
                        string: (0..<(random.next() % 9)).map { _ in pieces.randomElement(using: &random) ?? "" }
                            .joined()))
            }
            let multipart = MultipartMixed(parts: parts, tag: "T")
            let again = MultipartMixed(parts: parts, tag: "T")
            #expect(again.encoded() == multipart.encoded(), "seed \(seed)")
            let read = try MultipartMixed(decoding: multipart.encoded(), contentType: multipart.contentType)
            #expect(read.parts.map(\.body) == parts.map(\.body), "seed \(seed)")
            #expect(
                read.parts.map { $0.headers.map { $0.name + $0.value } }
                    == parts.map { $0.headers.map { $0.name + $0.value } }, "seed \(seed)")
        }
    }

    @Test("what is no multipart body is refused, and never traps")
    func badMultipart() {
        let good = MultipartMixed(parts: [.init(headers: [("A", "b")], body: ByteBuffer(string: "x"))], tag: "T")
        let bytes = good.encoded()
        for length in 0..<(bytes.readableBytes - 2) {
            #expect(throws: MultipartError.self, "\(length) bytes") {
                try MultipartMixed(
                    decoding: ByteBuffer(bytes.readableBytesView.prefix(length)), contentType: good.contentType)
            }
        }
        for type in ["multipart/mixed", "text/plain; boundary=rotor-T", "multipart/mixed; boundary=other", ""] {
            #expect(throws: MultipartError.self, "\(type)") { try MultipartMixed(decoding: bytes, contentType: type) }
        }
        #expect(throws: MultipartError.badHeader("nonsense")) {
            try MultipartMixed(
                decoding: ByteBuffer(string: "--T\r\nnonsense\r\n\r\nx\r\n--T--"),
                contentType: "multipart/mixed; boundary=T")
        }
    }
}
