import NIOCore
import RiakWire
import Testing

@Suite("Request and object headers")
struct HeaderTests {
    private let bucket = ByteBuffer(string: "b")

    private func metadata(_ headers: (name: String, value: String)...) throws -> ObjectMetadata {
        try ObjectMetadata(decoding: RequestHeaders(headers).metadata(in: bucket))
    }

    @Test("what the headers of a put say becomes metadata, whatever their case and order")
    func toMetadata() throws {
        let metadata = try metadata(
            ("x-riak-index-B_bin", "x, y z"), ("LINK", "</buckets/c/keys/k>; riaktag=\"t\""),
            ("X-Riak-Meta-A", "1"), ("content-TYPE", "text/html; Charset=utf-8; level=1"),
            ("X-Riak-Index-A_int", "-5"), ("X-RIAK-META-a", "2"), ("Content-Encoding", "gzip"),
            ("Link", "</buckets/b>; rel=\"up\", </buckets/d%20e/keys/f>; riaktag=u"), ("X-Other", "3"))
        #expect(metadata.contentType == ByteBuffer(string: "text/html; level=1"))
        #expect(metadata.charset == ByteBuffer(string: "utf-8"))
        #expect(metadata.contentEncoding == ByteBuffer(string: "gzip"))
        func pairs(_ pairs: [ObjectMetadata.Pair]) -> [[String]] {
            pairs.map { [String(buffer: $0.name), String(buffer: $0.value)] }
        }
        #expect(pairs(metadata.userMetadata) == [["X-Riak-Meta-A", "1"], ["X-RIAK-META-a", "2"]])
        #expect(pairs(metadata.indexEntries) == [["b_bin", "x"], ["b_bin", "y z"], ["a_int", "-5"]])
        #expect(
            metadata.links.map { [$0.bucket, $0.key, $0.tag].map { String(buffer: $0) } }
                == [["c", "k", "t"], ["d e", "f", "u"]])
    }

    @Test("a content type is needed, of the form type/subtype with well-formed parameters")
    func contentTypes() throws {
        #expect(throws: RequestFormError.missingContentType) { try metadata() }
        #expect(throws: RequestFormError.missingContentType) { try metadata(("Content-Type", "")) }
        for bad in [
            "text", "/", "a/", "/b", "a/b/c", "a b/c", "a/b; c", "a/b; c=", "a/b; =d", "a/b; c=\"d", "ü/b",
            "a/b; c=d e",
        ] {
            #expect(throws: RequestFormError.badMediaType(bad), "\(bad)") { try metadata(("Content-Type", bad)) }
        }
        let cases: [(String, type: String, charset: String?, text: String)] = [
            ("a/b", "a/b", nil, "a/b"), (" a/b ;", "a/b", nil, "a/b"),
            ("a/b;charset=\"x y\\\"\"", "a/b", "x y\"", "a/b; charset=\"x y\\\"\""),
            (
                "multipart/form-data; boundary=\"a;b\"", "multipart/form-data; boundary=\"a;b\"", nil,
                "multipart/form-data; boundary=\"a;b\""
            ),
            (
                "application/vnd.x+json; CHARSET=UTF-8", "application/vnd.x+json", "UTF-8",
                "application/vnd.x+json; charset=UTF-8"
            ),
        ]
        for (header, type, charset, text) in cases {
            let metadata = try metadata(("Content-Type", header))
            #expect(metadata.contentType == ByteBuffer(string: type), "\(header)")
            #expect(metadata.charset == charset.map { ByteBuffer(string: $0) }, "\(header)")
            #expect(try ObjectHeaders(metadata: metadata.encoded(), in: bucket).contentType == text, "\(header)")
        }
    }

    @Test("links come back as they were, and only the two forms are taken")
    func links() throws {
        for seed in UInt64(0)..<200 {
            var random = SplitMix64(seed: seed)
            func name() -> ByteBuffer {
                ByteBuffer(bytes: (0...(random.next() % 9)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            }
            let bucket = name()
            let links = (0..<(random.next() % 5)).map { _ in
                ObjectMetadata.Link(bucket: name(), key: name(), tag: name())
            }
            let text = LinkHeader.text(links: links, of: bucket)
            #expect(try LinkHeader.links(in: text, of: bucket) == links, "seed \(seed): \(text)")
        }
        for bad in [
            "x", "<", "</buckets/b/keys/k>", "</buckets/b/keys/k>; riaktag", "</buckets/b/keys/k>; rel=\"up\"",
            "</buckets/c>; rel=\"up\"", "</buckets/b>; rel=\"down\"", "</riak/b/k>; riaktag=\"t\"",
            "</buckets/b/keys/k/x>; riaktag=\"t\"", "</buckets/b/keys/%>; riaktag=\"t\"", "<http://x>; rel=\"up\"",
            "</buckets/b>; rel=\"up", "</buckets/b/keys/k>; riaktag=\"t\" x",
        ] {
            #expect(throws: RequestFormError.self, "\(bad)") { try LinkHeader.links(in: bad, of: bucket) }
        }
    }

    @Test("stored text can neither end its header nor frame the response")
    func injection() throws {
        func text(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }
        var metadata = ObjectMetadata()
        metadata.contentType = text("a/b\r\nSet-Cookie: x")
        metadata.userMetadata = [
            .init(name: text("X-Riak-Meta-A"), value: text("1\r\n\r\nbody")),
            .init(name: text("Transfer-Encoding"), value: text("chunked")),
            .init(name: text("content-length"), value: text("0")), .init(name: text("X-Riak-Vclock"), value: text("x")),
            .init(name: text("A: b\r\nC"), value: text("2")), .init(name: text("Colour"), value: text("blue")),
            .init(name: text(""), value: text("3")),
        ]
        metadata.indexEntries = [.init(name: text("a\nb_bin"), value: text("\u{0}"))]
        let headers = try ObjectHeaders(metadata: metadata.encoded(), in: bucket)
        #expect(headers.contentType == "a/b  Set-Cookie: x")
        #expect(
            headers.others.map { $0.name + "=" + $0.value } == [
                "X-Riak-Meta-A=1    body", "X-Riak-Meta-Transfer-Encoding=chunked", "X-Riak-Meta-content-length=0",
                "X-Riak-Meta-X-Riak-Vclock=x", "A%3A%20b%0D%0AC=2", "Colour=blue", "X-Riak-Meta-=3",
                "x-riak-index-a%0Ab_bin= ",
            ])
    }

    @Test("Accept weighs by the most exact range that names a type")
    func accept() {
        let cases: [(String?, String, Int)] = [
            (nil, "a/b", 1000), ("*/*", "a/b", 1000),
            ("multipart/mixed, application/json, */*;q=0.5", "text/plain", 500),
            ("multipart/mixed, application/json, */*;q=0.5", "multipart/mixed", 1000),
            ("text/*;q=0.3, text/html;q=0.7, */*;q=0.1", "text/html; charset=x", 700),
            ("text/*;q=0.3, text/html;q=0.7, */*;q=0.1", "text/plain", 300),
            ("text/*;q=0.3, text/html;q=0.7, */*;q=0.1", "image/png", 100), ("text/html", "text/plain", 0),
            ("TEXT/HTML;Q=0.25", "text/html", 250), ("text/html;q=0", "text/html", 0), ("*/*;q=0", "a/b", 0),
            ("text/html;q=0.001", "text/html", 1), ("text/html;q=1.000", "text/html", 1000), ("garbage", "a/b", 1000),
            ("a/b;x=\",\";q=0.5", "a/b", 500), ("text/html, */*", "nonsense", 1000), ("text/html", "nonsense", 0),
        ]
        for (header, type, quality) in cases {
            #expect(AcceptHeader(header).quality(of: type) == quality, "\(header ?? "none") for \(type)")
        }
    }

    @Test("conditions are weighed in the order of RFC 9110")
    func preconditions() {
        func verdict(
            _ change: (inout Preconditions) -> Void, tag: String? = "t", isRead: Bool = true
        ) -> Preconditions.Verdict {
            var conditions = Preconditions()
            change(&conditions)
            return conditions.verdict(tag: tag, lastModified: tag == nil ? nil : 784_111_777, isRead: isRead, now: 0)
        }
        let same = "Sun, 06 Nov 1994 08:49:37 GMT"
        let before = "Sun, 06 Nov 1994 08:49:36 GMT"
        #expect(verdict({ _ in }) == .proceed)
        #expect(verdict({ $0.ifMatch = "\"t\"" }) == .proceed)
        #expect(verdict({ $0.ifMatch = "\"s\" , \"t\"" }) == .proceed)
        #expect(verdict({ $0.ifMatch = "t" }) == .failed("If-Match"))
        #expect(verdict({ $0.ifMatch = "W/\"t\"" }) == .failed("If-Match"))
        #expect(verdict({ $0.ifMatch = "*" }, tag: nil) == .failed("If-Match"))
        #expect(
            verdict({
                $0.ifMatch = "\"s\""; $0.ifNoneMatch = "\"t\""
            }) == .failed("If-Match"))
        #expect(
            verdict({
                $0.ifMatch = "*"; $0.ifUnmodifiedSince = before
            }) == .proceed)
        #expect(verdict({ $0.ifUnmodifiedSince = before }) == .failed("If-Unmodified-Since"))
        #expect(verdict({ $0.ifUnmodifiedSince = same }) == .proceed)
        #expect(verdict({ $0.ifUnmodifiedSince = before }, tag: nil) == .proceed)
        #expect(verdict({ $0.ifNoneMatch = "W/\"t\"" }) == .notModified)
        #expect(verdict({ $0.ifNoneMatch = "\"t\"" }, isRead: false) == .failed("If-None-Match"))
        #expect(verdict({ $0.ifNoneMatch = "*" }, isRead: false) == .failed("If-None-Match"))
        #expect(verdict({ $0.ifNoneMatch = "*" }, tag: nil, isRead: false) == .proceed)
        #expect(
            verdict({
                $0.ifNoneMatch = "\"s\""; $0.ifModifiedSince = same
            }) == .proceed)
        #expect(verdict({ $0.ifModifiedSince = same }) == .notModified)
        #expect(verdict({ $0.ifModifiedSince = before }) == .proceed)
        #expect(verdict({ $0.ifModifiedSince = same }, isRead: false) == .proceed)
    }

    @Test("lists may come in several header lines")
    func repeatedLines() {
        let headers = RequestHeaders(
            [
                ("If-None-Match", "\"a\""), ("if-none-match", "\"b\""), ("Accept", "a/b"), ("Accept", "c/d;q=0.5"),
            ] as [(name: String, value: String)])
        #expect(headers.preconditions.ifNoneMatch == "\"a\", \"b\"")
        #expect(AcceptHeader(headers.accept).quality(of: "c/d") == 500)
    }
}
