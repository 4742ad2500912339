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
    private let channel: EmbeddedChannel
    private let head = HTTPRequestHead(
        version: .http1_1, method: .PUT, uri: "/buckets/b/keys/k", headers: ["Content-Type": "a/b"])

    init() throws {
        var settings = HTTPDoorSettings(host: "", port: 0)
        settings.idleTimeout = .seconds(60)
        let handler = HTTPConnectionHandler(
            settings, HTTPResponder(node: node, now: { 0 }), BodyBudget(limit: settings.maximumBufferedBytes))
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

    @Test("a request that stops coming is given up, one that comes slowly is not")
    func slowRequest() throws {
        try channel.writeInbound(HTTPServerRequestPart.head(head))
        for _ in 0..<10 {
            loop.advanceTime(by: .seconds(59))
            try channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "x")))
        }
        #expect(channel.isActive)
        loop.advanceTime(by: .seconds(60))
        #expect(!channel.isActive)
    }

    @Test("a request that the node works on is waited for, and its connection is idle from then on")
    func workedOn() throws {
        node.hold()
        try channel.writeInbound(HTTPServerRequestPart.head(head))
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
        loop.advanceTime(by: .hours(1))
        #expect(channel.isActive)
        node.release()
        guard case .head(let response) = try channel.readOutbound(as: HTTPServerResponsePart.self) else {
            Issue.record("no response")
            return
        }
        #expect(response.status == .noContent)
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
