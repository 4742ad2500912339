import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Server

/// In virtual time.
@Suite("Idle connections over HTTP")
struct HTTPIdleTests {
    private let node = MemoryNode()
    private let loop = EmbeddedEventLoop()
    private let budget: BodyBudget
    private let channel: EmbeddedChannel
    private let head = HTTPRequestHead(
        version: .http1_1, method: .PUT, uri: "/buckets/b/keys/k", headers: ["Content-Type": "a/b"])

    init() throws {
        var settings = HTTPDoorSettings(host: "", port: 0)
        settings.idleTimeout = .seconds(60)
        budget = BodyBudget(limit: settings.maximumBufferedBytes)
        let handler = HTTPConnectionHandler(settings, HTTPResponder(node: node, now: { 0 }), budget)
        channel = EmbeddedChannel(handler: handler, loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    @Test("a connection on which nothing comes is closed in time, and not before")
    func idle() {
        loop.advanceTime(by: .seconds(59))
        #expect(channel.isActive)
        loop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    @Test("a request that comes when its connection is being closed is not carried out")
    func whileClosing() throws {
        var last = head
        last.headers.add(name: "Connection", value: "close")
        for head in [last, head] {
            channel.pipeline.fireChannelRead(HTTPServerRequestPart.head(head))
            channel.pipeline.fireChannelRead(HTTPServerRequestPart.end(nil))
        }
        #expect(node.requests.count == 1)
    }

    @Test("a request that stops coming is given up")
    func stoppedRequest() throws {
        try channel.writeInbound(HTTPServerRequestPart.head(head))
        try channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "x")))
        loop.advanceTime(by: .seconds(59))
        #expect(channel.isActive)
        loop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    @Test("a request that comes byte by byte has two minutes, then it is refused with 408 and its bytes given back")
    func slowRequest() throws {
        // Some time after the connection began: the timer must not count from there.
        loop.advanceTime(by: .seconds(30))
        try channel.writeInbound(HTTPServerRequestPart.head(head))
        for _ in 0..<119 {
            loop.advanceTime(by: .seconds(1))
            try channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "x")))
        }
        #expect(try channel.readOutbound(as: HTTPServerResponsePart.self) == nil)
        #expect(budget.used == 119)
        loop.advanceTime(by: .seconds(1))
        #expect(try status() == .requestTimeout)
        #expect(budget.used == 0)
        #expect(node.requests.isEmpty)
        loop.advanceTime(by: .seconds(10))
        #expect(!channel.isActive)
    }

    @Test("a request that was refused, and whose short body comes byte by byte, is answered in the end")
    func slowRefusedRequest() throws {
        var refused = head
        refused.uri += "?w=x"
        refused.headers.add(name: "Content-Length", value: "1000")
        try channel.writeInbound(HTTPServerRequestPart.head(refused))
        for _ in 0..<119 {
            loop.advanceTime(by: .seconds(1))
            try channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "x")))
        }
        #expect(try channel.readOutbound(as: HTTPServerResponsePart.self) == nil)
        loop.advanceTime(by: .seconds(1))
        #expect(try status() == .badRequest)
        loop.advanceTime(by: .seconds(10))
        #expect(!channel.isActive)
    }

    private func status() throws -> HTTPResponseStatus? {
        guard case .head(let response) = try channel.readOutbound(as: HTTPServerResponsePart.self) else { return nil }
        return response.status
    }

    @Test("a request that the node works on is waited for, and its connection is idle from then on")
    func workedOn() throws {
        node.hold()
        try channel.writeInbound(HTTPServerRequestPart.head(head))
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
        loop.advanceTime(by: .hours(1))
        #expect(channel.isActive)
        node.release()
        #expect(try status() == .noContent)
        loop.advanceTime(by: .seconds(61))
        #expect(!channel.isActive)
    }

    @Test("a client that does not take its answers is not answered further, and given up in time")
    func slowReader() throws {
        let channel = try pipelined()
        channel.isWritable = false
        let request = RequestText.plain("GET", "/buckets/b/keys/k")
        try channel.writeInbound(ByteBuffer(string: request + request + request))
        #expect(node.requests.count == 1)
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        #expect(node.requests.count == 3)
        channel.isWritable = false
        try channel.writeInbound(ByteBuffer(string: request + request))
        #expect(node.requests.count == 4)
        loop.advanceTime(by: .seconds(60))
        #expect(!channel.isActive)
    }

    @Test("a connection is idle from the time when its client has taken the answer")
    func slowAnswer() throws {
        let channel = try pipelined()
        channel.isWritable = false
        try channel.writeInbound(ByteBuffer(string: RequestText.plain("GET", "/buckets/b/keys/k")))
        loop.advanceTime(by: .seconds(59))
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        loop.advanceTime(by: .seconds(59))
        #expect(channel.isActive)
        loop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    @Test("thousands of requests that waited for one do not pile up on the stack")
    func deepPipelining() throws {
        let channel = try pipelined()
        node.hold()
        let pings = String(repeating: "GET /ping HTTP/1.1\r\n\r\n", count: 20_000)
        try channel.writeInbound(ByteBuffer(string: RequestText.plain("GET", "/buckets/b/keys/k") + pings))
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        node.release()
        loop.run()
        var answers = 0
        while let part = try channel.readOutbound(as: ByteBuffer.self) {
            answers += String(buffer: part).hasPrefix("HTTP/1.1 200 OK") ? 1 : 0
        }
        #expect(answers == 20_000)
    }

    /// With what is before the handler on a real connection.
    private func pipelined() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(loop: loop)
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: false)
        try channel.pipeline.syncOperations.addHandler(
            HTTPConnectionHandler(
                HTTPDoorSettings(host: "", port: 0), HTTPResponder(node: node, now: { 0 }), BodyBudget(limit: 1000)))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }
}
