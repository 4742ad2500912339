import Logging
import NIOCore
import Node
import Server
import Testing

@Suite("Connections over HTTP", .timeLimit(.minutes(1)))
struct HTTPConnectionTests {
    @Test("pipelined requests are answered in order on one connection")
    func pipelining() async throws {
        let door = try await OpenDoor.open()
        let connection = try await door.connect()
        var requests = ""
        for number in 0..<50 { requests += RequestText.put("/buckets/b/keys/\(number)", "value \(number)") }
        for number in 0..<50 { requests += RequestText.plain("GET", "/buckets/b/keys/\(number)") }
        try await connection.send(requests)
        for _ in 0..<50 { #expect(try await connection.response().status == 204) }
        for number in 0..<50 { #expect(try await connection.response().text == "value \(number)") }
        await connection.close()
        try await door.close()
    }

    @Test("what comes behind a request that closes its connection is not carried out")
    func behindTheLast() async throws {
        let door = try await OpenDoor.open { $0.maximumBodyBytes = 1000 }
        let smuggled = RequestText.put("/buckets/b/keys/k", "x")
        let tooLong = RequestText.plain("PUT", "/buckets/b/keys/k", ["Content-Type: a/b", "Content-Length: 1001"])
        let last: [(request: String, status: Int)] = [
            (RequestText.plain("GET", "/ping", ["Connection: close"]), 200),
            ("GET /ping HTTP/1.0\r\n\r\n", 200),
            (RequestText.put("/buckets/b/keys/k?w=x", "abc", ["Connection: close"]), 400),
            (tooLong + String(repeating: "x", count: 1001), 413),
        ]
        for (request, status) in last {
            let connection = try await door.connect()
            let response = try await connection.exchange(request + smuggled + smuggled)
            #expect(response.status == status, "\(request.prefix(80))")
            #expect(response["Connection"] == "close")
            #expect(await connection.rest() == "", "\(request.prefix(80))")
        }
        #expect(door.node.requests.isEmpty)
        try await door.close()
    }

    @Test("a request for another protocol is answered over HTTP, and its connection closed: nothing more is understood")
    func upgrade() async throws {
        let door = try await OpenDoor.open()
        let upgrade = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA"]
        let requests: [(request: String, status: Int)] = [
            (RequestText.plain("GET", "/ping", upgrade), 200),
            (RequestText.put("/buckets/b/keys/k", "x", upgrade), 204),
            (RequestText.put("/buckets/b/keys/k?w=x", "x", upgrade), 400),
            ("CONNECT door:80 HTTP/1.1\r\nHost: door:80\r\n\r\n", 404),
        ]
        for (request, status) in requests {
            let connection = try await door.connect()
            let response = try await connection.exchange(request)
            #expect(response.status == status, "\(request.prefix(80))")
            #expect(response["Connection"] == "close", "\(request.prefix(80))")
            #expect(await connection.rest() == "")
        }
        try await door.close()
    }

    @Test("a length beyond all numbers is a long body: what is refused with it is answered at once")
    func endlessBody() async throws {
        let door = try await OpenDoor.open { $0.maximumBodyBytes = 1000 }
        let endless = ["Content-Type: a/b", "Content-Length: 9223372036854775808"]
        for (method, path, status) in [
            ("PUT", "/buckets/b/keys/k?w=x", 400), ("PUT", "/buckets/b/keys/k", 413), ("GET", "/nowhere", 404),
        ] {
            let connection = try await door.connect()
            let response = try await connection.exchange(RequestText.plain(method, path, endless))
            #expect(response.status == status, "\(method) \(path)")
            #expect(response["Connection"] == "close")
            await connection.close()
        }
        try await door.close()
    }

    @Test("a large answer is sent to its end before its connection is closed")
    func largeAnswerThenClose() async throws {
        let door = try await OpenDoor.open()
        let value = String(repeating: "0123456789", count: 500_000)
        #expect(try await door.put("/buckets/b/keys/k", value).status == 204)
        let connection = try await door.connect()
        let closing = RequestText.plain("GET", "/buckets/b/keys/k", ["Connection: close"])
        #expect(try await connection.exchange(closing).text == value)
        #expect(await connection.rest() == "")
        // What comes behind it does not cut it short.
        let hurried = try await door.connect()
        #expect(try await hurried.exchange(closing + RequestText.put("/buckets/b/keys/k", "x")).text == value)
        #expect(await hurried.rest() == "")
        try await door.close()
    }

    @Test("a client that has sent its request and shut its side is still answered")
    func halfClose() async throws {
        let door = try await OpenDoor.open()
        let connection = try await door.connect()
        try await connection.send(
            RequestText.put("/buckets/b/keys/k", "x") + RequestText.plain("GET", "/buckets/b/keys/k"))
        try await connection.shutOutput()
        #expect(try await connection.response().status == 204)
        #expect(try await connection.response().text == "x")
        #expect(await connection.rest() == "")
        try await door.close()
    }

    @Test("a body that nobody needs is read over if it is short, and ends the connection if it is not")
    func needlessBodies() async throws {
        let door = try await OpenDoor.open()
        let connection = try await door.connect()
        let short = RequestText.plain("GET", "/ping", ["Content-Length: 3"]) + "abc"
        #expect(try await connection.exchange(short).text == "OK")
        let refused = try await connection.exchange(RequestText.put("/buckets/b/keys/k?w=x", "abc"))
        #expect(refused.status == 400)
        #expect(refused["Connection"] == nil)
        #expect(try await connection.exchange(RequestText.plain("GET", "/ping")).text == "OK")
        try await connection.send(
            RequestText.plain("GET", "/ping", ["Transfer-Encoding: chunked"]) + "20000\r\n"
                + String(repeating: "x", count: 0x20000))
        let long = try await connection.response()
        #expect(long.status == 413)
        #expect(long["Connection"] == "close")
        await connection.close()
        try await door.close()
    }

    @Test("a request may come byte by byte")
    func dribble() async throws {
        let door = try await OpenDoor.open()
        let connection = try await door.connect()
        for byte in RequestText.put("/buckets/b/keys/k", "abc").utf8 {
            try await connection.send(ByteBuffer(integer: byte))
        }
        #expect(try await connection.response().status == 204)
        #expect(try await connection.exchange(RequestText.plain("GET", "/buckets/b/keys/k")).text == "abc")
        await connection.close()
        try await door.close()
    }

    @Test("a large value comes back whole, sent with its length and sent in chunks")
    func largeValues() async throws {
        let door = try await OpenDoor.open()
        let value = ByteBuffer(
            bytes: (0..<UInt32(MemoryNode.maximumObjectBytes)).lazy.map {
                UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13)
            })
        let plain = RequestText.plain(
            "PUT", "/buckets/b/keys/plain",
            ["Content-Type: a/b", "Content-Length: \(value.readableBytes)"])
        #expect(try await door.exchange(plain, body: value).status == 204)
        #expect(try await door.get("/buckets/b/keys/plain").body == value)

        let chunked = RequestText.plain(
            "PUT", "/buckets/b/keys/chunked", ["Content-Type: a/b", "Transfer-Encoding: chunked"])
        #expect(try await door.exchange(chunked, body: RequestText.chunks(of: value)).status == 204)
        #expect(try await door.get("/buckets/b/keys/chunked").body == value)
        try await door.close()
    }

    @Test("a value above the type's limit is refused with both numbers")
    func typeLimit() async throws {
        let door = try await OpenDoor.open()
        let bytes = MemoryNode.maximumObjectBytes + 1
        let response = try await door.exchange(
            RequestText.plain("PUT", "/buckets/b/keys/k", ["Content-Type: a/b", "Content-Length: \(bytes)"]),
            body: ByteBuffer(repeating: 1, count: bytes))
        #expect(response.status == 413)
        #expect(response.text == "object of \(bytes) bytes: at most \(MemoryNode.maximumObjectBytes) are allowed\n")
        try await door.close()
    }

    @Test("a body above the hard limit is refused before it comes, and the connection closed")
    func hardLimit() async throws {
        let door = try await OpenDoor.open { $0.maximumBodyBytes = 1000 }
        let connection = try await door.connect()
        let response = try await connection.exchange(
            RequestText.plain("PUT", "/buckets/b/keys/k", ["Content-Type: a/b", "Content-Length: 1001"]))
        #expect(response.status == 413)
        #expect(response.text == "object of 1001 bytes: at most 1000 are allowed\n")
        #expect(response["Connection"] == "close")
        #expect(response["X-Rotor-Failure"] == "refused")
        // The rest of the body is no request, whatever it looks like.
        let smuggled = RequestText.put("/buckets/b/keys/smuggled", "x")
        try await connection.send(smuggled + String(repeating: "x", count: 1001 - smuggled.utf8.count))
        #expect(await connection.rest() == "")
        #expect(door.node.requests.isEmpty)
        #expect(
            try await door.exchange(
                RequestText.put("/buckets/b/keys/k", String(repeating: "x", count: 1000))
            ).status == 204)
        try await door.close()
    }

    @Test("chunks above the hard limit are refused when they pass it")
    func chunkedHardLimit() async throws {
        let door = try await OpenDoor.open { $0.maximumBodyBytes = 1000 }
        let connection = try await door.connect()
        try await connection.send(
            RequestText.plain(
                "PUT", "/buckets/b/keys/k", ["Content-Type: a/b", "Transfer-Encoding: chunked"])
                + "3e8\r\n" + String(repeating: "x", count: 1000) + "\r\n")
        try await connection.send("1\r\nx\r\n")
        let response = try await connection.response()
        #expect(response.status == 413)
        #expect(response.text == "object of 1001 bytes: at most 1000 are allowed\n")
        try await connection.send("0\r\n\r\n")
        #expect(await connection.rest() == "")
        #expect(door.node.requests.isEmpty)
        try await door.close()
    }

    @Test("a client that goes on sending after it was refused is cut off in the end")
    func lingering() async throws {
        let door = try await OpenDoor.open {
            $0.maximumBodyBytes = 1000
            $0.lingeringBytes = 5000
        }
        let connection = try await door.connect()
        let head = RequestText.plain("PUT", "/buckets/b/keys/k", ["Content-Type: a/b", "Content-Length: 1000000"])
        #expect(try await connection.exchange(head).status == 413)
        do {
            for _ in 0..<1000 { try await connection.send(ByteBuffer(repeating: 1, count: 1000)) }
            Issue.record("a million bytes were taken")
        } catch {
            #expect(await connection.rest() == "")
        }
        try await door.close()
    }

    @Test("a client that asks first is told to go on, or refused before it sends")
    func expectation() async throws {
        let door = try await OpenDoor.open { $0.maximumBodyBytes = 1000 }
        let connection = try await door.connect()
        let expect = ["Content-Type: a/b", "Content-Length: 3", "Expect: 100-continue"]
        try await connection.send(RequestText.plain("PUT", "/buckets/b/keys/k", expect))
        #expect(try await connection.response().status == 100)
        #expect(try await connection.exchange("abc").status == 204)
        let tooLarge = ["Content-Type: a/b", "Content-Length: 3000", "Expect: 100-continue"]
        #expect(try await connection.exchange(RequestText.plain("PUT", "/buckets/b/keys/k", tooLarge)).status == 413)
        await connection.close()
        let untyped = ["Content-Length: 3", "Expect: 100-continue"]
        #expect(try await door.exchange(RequestText.plain("PUT", "/buckets/b/keys/k", untyped)).status == 400)
        try await door.close()
    }

    @Test("bodies that together exceed the budget are refused as overload, and give back what they took")
    func budget() async throws {
        let door = try await OpenDoor.open { $0.maximumBufferedBytes = 1000 }
        let half = try await door.connect()
        try await half.send(
            RequestText.plain("PUT", "/buckets/b/keys/half", ["Content-Type: a/b", "Content-Length: 800"])
                + String(repeating: "x", count: 600))
        // Its bytes are on the way: another client is refused as soon as they have come.
        var refused: DoorConnection.Response?
        while refused == nil {
            let response = try await door.put("/buckets/b/keys/k", String(repeating: "x", count: 500))
            if response.status != 204 { refused = response }
        }
        #expect(refused?.status == 503)
        #expect(refused?["X-Rotor-Failure"] == "unavailable")
        #expect(refused?["Retry-After"] == "1")
        #expect(try await half.exchange(String(repeating: "x", count: 200)).status == 204)
        #expect(try await door.put("/buckets/b/keys/k", String(repeating: "x", count: 1000)).status == 204)
        await half.close()
        try await door.close()
    }

    @Test("what is no HTTP, and headers beyond the limits, get one line and a closed connection")
    func garbage() async throws {
        let cases: [(bytes: String, status: Int)] = [
            ("garbage\r\n\r\n", 400), ("GET / HTTP/9.9\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
            (
                "PUT /buckets/b/keys/k HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\nzz",
                400
            ),
            (RequestText.plain("GET", "/ping", ["X-Long: " + String(repeating: "x", count: 5000)]), 431),
            (RequestText.plain("GET", "/ping", (0..<100).map { "X-\($0): 1" }), 431),
        ]
        let door = try await OpenDoor.open {
            $0.maximumHeaderBytes = 4000
            $0.maximumHeaders = 50
        }
        for (bytes, status) in cases {
            let connection = try await door.connect()
            let response = try await connection.exchange(bytes)
            #expect(response.status == status, "\(bytes.prefix(80))")
            #expect(response.text.hasSuffix("\n") && !response.text.dropLast().contains("\n"))
            #expect(response["X-Rotor-Failure"] == "refused")
            #expect(await connection.rest() == "", "\(bytes.prefix(80))")
        }
        try await door.close()
    }

    @Test("a request target beyond the limit is refused: 414")
    func longTarget() async throws {
        let door = try await OpenDoor.open { $0.maximumTargetBytes = 100 }
        let response = try await door.get("/buckets/b/keys/" + String(repeating: "k", count: 85))
        #expect(response.status == 414)
        #expect(response.text == "request target of 101 bytes: at most 100 are allowed\n")
        #expect(try await door.get("/buckets/b/keys/" + String(repeating: "k", count: 84)).status == 404)
        try await door.close()
    }

    /// Two connections: the node works on a request of the first, the second has had its answer.
    private func busyAndIdle(_ door: OpenDoor) async throws -> (DoorConnection, DoorConnection) {
        let busy = try await door.connect()
        let idle = try await door.connect()
        #expect(try await idle.exchange(RequestText.plain("GET", "/ping")).status == 200)
        door.node.hold()
        try await busy.send(RequestText.put("/buckets/b/keys/k", "x"))
        try await door.node.untilHeld(1)
        return (busy, idle)
    }

    @Test("a stop lets the requests under way be answered, closes their connections and takes no new ones")
    func drain() async throws {
        let door = try await OpenDoor.open()
        let (busy, idle) = try await busyAndIdle(door)
        await door.shut()
        #expect(await idle.rest() == "")
        door.node.release()
        let response = try await busy.response()
        #expect(response.status == 204)
        #expect(response["Connection"] == "close")
        #expect(await busy.rest() == "")
        try await door.close()
    }

    @Test("a client that hangs up while its request is worked on leaves nothing behind")
    func hangUp() async throws {
        let door = try await OpenDoor.open { $0.maximumBufferedBytes = 100 }
        door.node.hold()
        for count in 1...3 {
            let connection = try await door.connect()
            try await connection.send(RequestText.put("/buckets/b/keys/k", String(repeating: "x", count: 30)))
            try await door.node.untilHeld(count)
            await connection.close()
        }
        door.node.release()
        var response = try await door.put("/buckets/b/keys/k", String(repeating: "x", count: 100))
        while response.status == 503 {
            response = try await door.put("/buckets/b/keys/k", String(repeating: "x", count: 100))
        }
        #expect(response.status == 204)
        try await door.close()
    }

    @Test("HTTP/1.0 and Connection: close are closed after the answer")
    func closing() async throws {
        let door = try await OpenDoor.open()
        for (request, keepsAlive) in [
            ("GET /ping HTTP/1.0\r\n\r\n", false),
            ("GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
            ("GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
        ] {
            let connection = try await door.connect()
            let response = try await connection.exchange(request)
            #expect(response.text == "OK")
            #expect(response["Connection"] == (keepsAlive ? "keep-alive" : "close"))
            if keepsAlive { await connection.close() } else { #expect(await connection.rest() == "") }
        }
        try await door.close()
    }

    @Test("a port in use is one clear error with the address")
    func portInUse() async throws {
        let door = try await OpenDoor.open()
        let port = try #require(door.address.port)
        let second = HTTPDoor(
            settings: HTTPDoorSettings(host: "127.0.0.1", port: port), node: MemoryNode(), logger: Logger(label: "x"))
        let refusal = "listen.http: 127.0.0.1:\(port) is in use by another program; stop that, or choose another port"
        do {
            try await second.run()
            Issue.record("two doors on one port")
        } catch let error as ListenError {
            #expect("\(error)" == refusal)
        }
        do {
            try await HTTPDoor.check(HTTPDoorSettings(host: "127.0.0.1", port: port))
            Issue.record("a port in use is not noticed")
        } catch let error as ListenError {
            #expect("\(error)" == refusal)
        }
        try await door.close()
        try await HTTPDoor.check(HTTPDoorSettings(host: "127.0.0.1", port: port))
    }

    @Test("a stop that has no more time says how many connections it cut")
    func cut() async throws {
        let door = try await OpenDoor.open()
        let (busy, idle) = try await busyAndIdle(door)
        await door.shut()
        #expect(await idle.rest() == "")
        await door.cancel()
        #expect(await busy.rest() == "")
        #expect(door.log.count(of: "warning connections closed before all on them was answered") == 1)
        #expect(door.log.count(of: "connections=1") == 1)
    }
}
