import NIOCore
import Node
import RiakWire
import Testing

@Suite("Objects over HTTP", .timeLimit(.minutes(1)))
struct HTTPObjectTests {
    @Test("a value comes back byte for byte, with its clock, tag, date and metadata")
    func putAndGet() async throws {
        let door = try await OpenDoor.open()
        let put = try await door.exchange(
            RequestText.put(
                "/buckets/b/keys/k", "Grüße\u{0}\r\n",
                [
                    "Content-Type: text/plain; charset=\"utf-8\"; x=y", "Content-Encoding: identity",
                    "X-Riak-Meta-Colour: blue", "X-Riak-Index-Age_int: 7, 42", "x-riak-index-name_bin: a",
                    "Link: </buckets/b%2F2/keys/k+2>; riaktag=\"next\"",
                ]))
        #expect(put.status == 204)
        #expect(put["Content-Length"] == nil)

        let got = try await door.get("/buckets/b/keys/k")
        #expect(got.status == 200)
        #expect(got.body == ByteBuffer(string: "Grüße\u{0}\r\n"))
        #expect(got["Content-Type"] == "text/plain; x=y; charset=utf-8")
        #expect(got["Content-Encoding"] == "identity")
        #expect(got["X-Riak-Meta-Colour"] == "blue")
        #expect(got["x-riak-index-age_int"] == "7, 42")
        #expect(got["x-riak-index-name_bin"] == "a")
        #expect(
            got["Link"] == "</buckets/b%2F2/keys/k%202>; riaktag=\"next\", </buckets/b>; rel=\"up\"")
        #expect(got["Last-Modified"] == "Tue, 14 Nov 2023 22:13:20 GMT")
        #expect(got["ETag"]?.utf8.count == 13)
        #expect(got["X-Riak-Vclock"].flatMap(Base64.decoded) != nil)
        #expect(got["Date"]?.hasSuffix(" GMT") == true)
        try await door.close()
    }

    @Test("values are bytes: all 256 of them, and none at all")
    func binaryValues() async throws {
        let door = try await OpenDoor.open()
        for value in [ByteBuffer(bytes: (0...255).map { UInt8($0) }), ByteBuffer()] {
            let put = try await door.exchange(
                RequestText.plain(
                    "PUT", "/buckets/b/keys/\(value.readableBytes)",
                    ["Content-Type: image/png", "Content-Length: \(value.readableBytes)"]),
                body: value)
            #expect(put.status == 204)
            let got = try await door.get("/buckets/b/keys/\(value.readableBytes)")
            #expect(got.status == 200)
            #expect(got.body == value)
        }
        try await door.close()
    }

    @Test("names are split before they are decoded: %2F belongs to a name, + is a space")
    func names() async throws {
        let door = try await OpenDoor.open()
        #expect(try await door.put("/buckets/a%2Fb/keys/x+%C3%BC%00", "1").status == 204)
        #expect(try await door.get("/types/default/buckets/a%2fb/keys/x%20%c3%bc%00").text == "1")
        #expect(try await door.get("/buckets/a/keys/b").status == 404)
        #expect(try await door.put("/types/shop/buckets/a%2Fb/keys/x", "2").status == 204)
        #expect(try await door.get("/types/shop/buckets/a%2Fb/keys/x").text == "2")
        #expect(try await door.get("/buckets/a%2Fb/keys/x").status == 404)
        try await door.close()
    }

    @Test("two blind puts make siblings, and a put with their clock resolves them")
    func siblings() async throws {
        let door = try await OpenDoor.open()
        _ = try await door.put("/buckets/b/keys/k", "one", "X-Riak-Meta-A: 1")
        _ = try await door.put("/buckets/b/keys/k", "two", "Content-Type: application/json")

        let text = try await door.get("/buckets/b/keys/k")
        #expect(text.status == 300)
        #expect(text["Content-Type"] == "text/plain")
        let tags = text.text.split(separator: "\n").map(String.init)
        #expect(tags.count == 3)
        #expect(tags[0] == "Siblings:")

        let several = try await door.get("/buckets/b/keys/k", "Accept: multipart/mixed, */*;q=0.5")
        #expect(several.status == 300)
        let tag = try #require(several["ETag"]?.dropFirst().dropLast())
        #expect(several["Content-Type"] == "multipart/mixed; boundary=rotor-\(tag)")
        #expect(
            several.text == """
                \r\n--rotor-\(tag)\r
                Content-Type: text/plain\r
                Link: </buckets/b>; rel="up"\r
                Etag: \(tags[1])\r
                Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r
                X-Riak-Meta-A: 1\r
                \r
                one\r
                --rotor-\(tag)\r
                Content-Type: application/json\r
                Link: </buckets/b>; rel="up"\r
                Etag: \(tags[2])\r
                Last-Modified: Tue, 14 Nov 2023 22:13:21 GMT\r
                \r
                two\r
                --rotor-\(tag)--\r

                """)
        #expect(several["Last-Modified"] == "Tue, 14 Nov 2023 22:13:21 GMT")

        let second = try await door.get("/buckets/b/keys/k?vtag=\(tags[2])")
        #expect(second.status == 200)
        #expect(second.text == "two")
        #expect(second["ETag"] == "\"\(tags[2])\"")
        #expect(try await door.get("/buckets/b/keys/k?vtag=none").status == 404)

        let clock = try #require(several["X-Riak-Vclock"])
        let resolved = try await door.put(
            "/buckets/b/keys/k?returnbody=true", "both", "X-Riak-Vclock: \(clock)")
        #expect(resolved.status == 200)
        #expect(resolved.text == "both")
        #expect(try await door.get("/buckets/b/keys/k").text == "both")
        try await door.close()
    }

    @Test("a put that returns its body shows the siblings it has made")
    func returnBody() async throws {
        let door = try await OpenDoor.open()
        let first = try await door.put("/buckets/b/keys/k?returnbody=true", "one")
        #expect(first.status == 200)
        #expect(first.text == "one")
        let second = try await door.put("/buckets/b/keys/k?returnbody=true", "two", "Accept: multipart/mixed")
        #expect(second.status == 300)
        let parts = try MultipartMixed(decoding: second.body, contentType: try #require(second["Content-Type"]))
        #expect(parts.parts.map { String(buffer: $0.body) } == ["one", "two"])
        // The write stands, so a client that accepts neither form is answered all the same.
        let third = try await door.put("/buckets/b/keys/k?returnbody=true", "three", "Accept: image/png")
        #expect(third.status == 300)
        #expect(try await door.put("/buckets/b/keys/k?returnbody=false", "four").status == 204)
        try await door.close()
    }

    @Test("a deleted key is not found, but tells its clock; writing with that clock brings it back alone")
    func deletion() async throws {
        let door = try await OpenDoor.open()
        #expect(try await door.delete("/buckets/b/keys/k").status == 404)
        _ = try await door.put("/buckets/b/keys/k", "one")
        #expect(try await door.delete("/buckets/b/keys/k").status == 204)
        let gone = try await door.get("/buckets/b/keys/k")
        #expect(gone.status == 404)
        #expect(gone.text == "not found\n")
        #expect(gone["X-Riak-Deleted"] == "true")
        #expect(gone["X-Rotor-Failure"] == nil)
        let clock = try #require(gone["X-Riak-Vclock"])
        _ = try await door.put("/buckets/b/keys/k", "two", "X-Riak-Vclock: \(clock)")
        let back = try await door.get("/buckets/b/keys/k")
        #expect(back.status == 200)
        #expect(back.text == "two")
        let never = try await door.get("/buckets/b/keys/never")
        #expect(never.status == 404)
        #expect(never["X-Riak-Deleted"] == nil)
        try await door.close()
    }

    @Test("a delete with an old clock leaves a tombstone beside the newer version")
    func concurrentDeletion() async throws {
        let door = try await OpenDoor.open()
        _ = try await door.put("/buckets/b/keys/k", "one")
        let clock = try #require(try await door.get("/buckets/b/keys/k")["X-Riak-Vclock"])
        _ = try await door.put("/buckets/b/keys/k", "two", "X-Riak-Vclock: \(clock)")
        #expect(try await door.delete("/buckets/b/keys/k", "X-Riak-Vclock: \(clock)").status == 204)
        let both = try await door.get("/buckets/b/keys/k", "Accept: multipart/mixed")
        #expect(both.status == 300)
        let parts = try MultipartMixed(decoding: both.body, contentType: try #require(both["Content-Type"])).parts
        #expect(parts.map { String(buffer: $0.body) } == ["two", ""])
        #expect(parts.map { $0.header("X-Riak-Deleted") } == [nil, "true"])
        let tag = try #require(parts[1].header("Etag"))
        let tombstone = try await door.get("/buckets/b/keys/k?vtag=\(tag)")
        #expect(tombstone.status == 200)
        #expect(tombstone["X-Riak-Deleted"] == "true")
        try await door.close()
    }

    @Test("a post without key makes one and says where; a post to a key is a put")
    func post() async throws {
        let door = try await OpenDoor.open()
        let request = "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\none"
        let made = try await door.exchange("POST /buckets/b%20c/keys HTTP/1.1\r\nHost: d\r\n" + request)
        #expect(made.status == 201)
        let location = try #require(made["Location"])
        #expect(location.hasPrefix("/buckets/b%20c/keys/"))
        #expect(try await door.get(location).text == "one")
        let typed = try await door.exchange(
            "POST /types/shop/buckets/b/keys/?returnbody=true HTTP/1.1\r\nHost: d\r\n" + request)
        #expect(typed.status == 201)
        #expect(typed.text == "one")
        #expect(typed["Location"]?.hasPrefix("/types/shop/buckets/b/keys/") == true)
        #expect(try await door.exchange("POST /buckets/b/keys/k HTTP/1.1\r\nHost: d\r\n" + request).status == 204)
        #expect(try await door.get("/buckets/b/keys/k").text == "one")
        try await door.close()
    }

    @Test("a head is a get without its body")
    func head() async throws {
        let door = try await OpenDoor.open()
        _ = try await door.put("/buckets/b/keys/k", "12345")
        let connection = try await door.connect()
        try await connection.send(RequestText.plain("HEAD", "/buckets/b/keys/k"))
        let head = try await connection.response(isHead: true)
        #expect(head.status == 200)
        #expect(head["Content-Length"] == "5")
        #expect(head["X-Riak-Vclock"] != nil)
        // Were there a body, the next response would not begin here.
        let missing = try await connection.exchange(RequestText.plain("HEAD", "/buckets/b/keys/none"))
        #expect(missing.status == 404)
        #expect(try await connection.exchange(RequestText.plain("GET", "/buckets/b/keys/k")).text == "12345")
        await connection.close()
        try await door.close()
    }

    @Test("quorums and the other options reach the node as they were asked for")
    func options() async throws {
        let door = try await OpenDoor.open()
        _ = try await door.get(
            "/buckets/b/keys/k?r=2&pr=one&basic_quorum=TRUE&notfound_ok=false&timeout=250&unknown=x&&a")
        _ = try await door.put("/buckets/b/keys/k?w=all&pw=quorum&dw=default&timeout=9", "")
        _ = try await door.delete("/buckets/b/keys/k?rw=3&r=1&dw=%31")
        let requests = door.node.requests
        guard requests.count == 3, case .get(let get) = requests[0], case .put(let put) = requests[1],
            case .delete(let delete) = requests[2]
        else {
            Issue.record("the node was asked \(requests)")
            return
        }
        #expect(get.r == .count(2))
        #expect(get.pr == .one)
        #expect(get.basicQuorum == true)
        #expect(get.notFoundOK == false)
        #expect(get.timeoutMilliseconds == 250)
        #expect(put.w == .all)
        #expect(put.pw == .quorum)
        #expect(put.dw == nil)
        #expect(put.timeoutMilliseconds == 9)
        #expect(delete.r == .count(1))
        #expect(delete.w == .count(3))
        #expect(delete.dw == .count(1))
        try await door.close()
    }
}
