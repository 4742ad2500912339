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
}
