import NIOCore
import Placement
import RiakWire
import Testing

@Suite("Request targets")
struct RequestTargetTests {
    @Test("paths name what they name in Riak")
    func resources() throws {
        func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }
        let cases: [(String, RequestTarget.Resource?)] = [
            ("/", .root), ("/?x", .root), ("/ping", .ping), ("/stats?a=b", .stats),
            ("/metrics", .metrics), ("/health/live", .live), ("/health/ready?x", .ready), ("/metrics/", nil),
            ("/health", nil), ("/health/", nil), ("/health/ready/x", nil), ("/health/dead", nil),
            ("/buckets/b/keys", .keys(type: bytes("default"), bucket: bytes("b"))),
            ("/buckets/b/keys/", .keys(type: bytes("default"), bucket: bytes("b"))),
            ("/types/t/buckets/b/keys", .keys(type: bytes("t"), bucket: bytes("b"))),
            ("/buckets/b/keys/k", .object(ObjectKey(type: "default", bucket: "b", key: "k"))),
            ("/types/t/buckets/b/keys/k", .object(ObjectKey(type: "t", bucket: "b", key: "k"))),
            ("/buckets/b/keys/k/preflist", .preferenceList(ObjectKey(type: "default", bucket: "b", key: "k"))),
            ("/buckets/b/keys/preflist", .object(ObjectKey(type: "default", bucket: "b", key: "preflist"))),
            ("/buckets/keys/keys/keys", .object(ObjectKey(type: "default", bucket: "keys", key: "keys"))),
            ("/buckets/a%2Fb/keys/c%2fd+e%20%25", .object(ObjectKey(type: "default", bucket: "a/b", key: "c/d e %"))),
            ("/buckets/%C3%BC/keys/?r=1", .keys(type: bytes("default"), bucket: bytes("ü"))),
            ("http://h:1/ping?x=/", .ping), ("http:///", .root), ("http://h", .root), ("http://h?/ping", .root),
            ("https://h/ping", nil),
            ("/buckets//keys/k", .object(ObjectKey(type: "default", bucket: "", key: "k"))),
            ("//ping", nil), ("/ping/", nil), ("/stats/x", nil), ("", nil), ("x", nil), ("/buckets", nil),
            ("/buckets/b", nil), ("/buckets/b/props", nil), ("/types/t", nil), ("/types/t/props", nil),
            ("/buckets/b/keys/k/x", nil), ("/buckets/b/keys/k/", nil), ("/buckets/b/keys/k/preflist/x", nil),
            ("/buckets/b/keys//", nil), ("/Buckets/b/keys/k", nil), ("/riak/b/k", nil),
        ]
        for (text, resource) in cases {
            #expect(try RequestTarget(parsing: text).resource == resource, "\(text)")
        }
    }

    @Test("any key is found again under the path that names it")
    func paths() throws {
        for seed in UInt64(0)..<500 {
            var random = SplitMix64(seed: seed)
            func name() -> ByteBuffer {
                ByteBuffer(bytes: (0...(random.next() % 20)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            }
            let type = random.next() % 2 == 0 ? ByteBuffer(string: "default") : name()
            let key = ObjectKey(type: type, bucket: name(), key: name())
            #expect(try RequestTarget(parsing: RequestTarget.path(of: key)).resource == .object(key), "seed \(seed)")
        }
    }

    @Test("bad escapes and raw bytes are refused, wherever they are")
    func refusals() {
        for text in [
            "/buckets/%/keys/k", "/buckets/b/keys/%1", "/buckets/b/keys/%G0", "/types/%-1/buckets/b/keys/k", "/?r=%f",
        ] {
            #expect(throws: RequestFormError.self, "\(text)") { try RequestTarget(parsing: text) }
        }
        for (text, byte) in [("/ü", UInt8(0xc3)), ("/a b", 0x20), ("/\u{7f}", 0x7f), ("/\u{0}", 0)] {
            #expect(throws: RequestFormError.rawByte(byte), "\(text)") { try RequestTarget(parsing: text) }
        }
    }

    @Test("random targets are refused or understood, and never trap")
    func randomTargets() {
        let pieces = [
            "/", "buckets", "keys", "types", "%", "%2", "%2F", "+", "?", "&", "=", "r", "k", "preflist", "all", "",
        ]
        for seed in UInt64(0)..<5000 {
            var random = SplitMix64(seed: seed)
            let text = (0..<(random.next() % 14)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            if let target = try? RequestTarget(parsing: text), case .object(let key) = target.resource {
                #expect((try? RequestTarget(parsing: RequestTarget.path(of: key)))?.resource == .object(key), "\(text)")
            }
        }
    }

    @Test("options are read as Riak reads them, and unknown ones ignored")
    func options() throws {
        let options = try RequestTarget(
            parsing: "/ping?r=0&pr=one&w=quorum&pw=all&dw=default&rw=12&basic_quorum=True&notfound_ok=default"
                + "&sloppy_quorum=false&returnbody=FALSE&timeout=1&vtag=a%2Bb+c&x=%20&y&=&asis=false"
                + "&node_confirms=default&sync_on_write=backend"
        ).options
        var expected = RequestOptions()
        expected.r = .count(0)
        expected.pr = .one
        expected.w = .quorum
        expected.pw = .all
        expected.dw = .byDefault
        expected.rw = .count(12)
        expected.basicQuorum = true
        expected.sloppyQuorum = false
        expected.returnBody = false
        expected.timeoutMilliseconds = 1
        expected.vtag = "a+b c"
        #expect(options == expected)
    }

    @Test("an option that cannot be read, or only be pretended, is refused")
    func badOptions() {
        for query in [
            "r", "r=", "r=-1", "r=+1", "r=1.0", "r=One", "r=12345678901", "dw=backend", "basic_quorum=1",
            "notfound_ok=", "timeout=", "timeout=0", "timeout=-5", "timeout=1s", "asis=true", "node_confirms=1",
            "sync_on_write=all", "sync_on_write=x", "%72=x",
        ] {
            #expect(throws: RequestFormError.self, "\(query)") { try RequestTarget(parsing: "/ping?" + query) }
        }
    }
}
