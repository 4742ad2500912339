import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Node
import Placement
import Testing

@testable import Server

@Suite(.timeLimit(.minutes(1))) struct PeerNetworkTests {
    private let announcement = Message.startAnnounced(StartRecord(number: 5, session: 6, incarnation: 7))

    @Test("two members that dial each other have one link, and messages flow both ways in order")
    func bothDial() async throws {
        let ports = try freePorts(2)
        let a = try await TestNetwork("a", port: ports[0], members: ["b": ports[1]])
        let b = try await TestNetwork("b", port: ports[1], members: ["a": ports[0]])
        await a.events.lines.line(with: "up b")
        await b.events.lines.line(with: "up a")
        for number in 0..<100 as Range<UInt64> {
            a.send(.startAnnounced(StartRecord(number: number, session: 0, incarnation: 0)), to: "b")
            b.send(.startConfirmed(StartRecord(number: number, session: 0, incarnation: 0)), to: "a")
        }
        await a.events.lines.line(with: "from b", after: 99)
        await b.events.lines.line(with: "from a", after: 99)
        let numbers = b.events.lines.lines.filter { $0.hasPrefix("from a") }
        for (number, line) in numbers.enumerated() { #expect(line.contains("number:\(number) "), "\(line)") }
        #expect(a.events.lines.count(of: "down") == 0 && b.events.lines.count(of: "down") == 0)
        try await a.stop()
        try await b.stop()
    }

    @Test("a pair is linked whichever of the two can reach the other", arguments: ["a", "b"])
    func oneDials(able: String) async throws {
        let ports = try freePorts(3)
        // The other one has a wrong address, where nothing listens.
        let a = try await TestNetwork("a", port: ports[0], members: ["b": able == "a" ? ports[1] : ports[2]])
        let b = try await TestNetwork("b", port: ports[1], members: ["a": able == "b" ? ports[0] : ports[2]])
        await a.events.lines.line(with: "up b")
        await b.events.lines.line(with: "up a")
        a.send(announcement, to: "b")
        await b.events.lines.line(with: "from a")
        try await a.stop()
        try await b.stop()
    }

    @Test("a member that comes back is linked again, and a link lost is told at once")
    func comesBack() async throws {
        let ports = try freePorts(2)
        let a = try await TestNetwork("a", port: ports[0], members: ["b": ports[1]])
        let b = try await TestNetwork("b", port: ports[1], members: ["a": ports[0]])
        await a.events.lines.line(with: "up b")
        try await b.stop()
        await a.events.lines.line(with: "down b")
        let again = try await TestNetwork("b", session: 2, port: ports[1], members: ["a": ports[0]])
        await a.events.lines.line(with: "up b", after: 1)
        await again.events.lines.line(with: "up a")
        try await a.stop()
        try await again.stop()
    }

    @Test("the members are tried when each is linked or was missed once, and at the limit in any case")
    func tried() async throws {
        let ports = try freePorts(2)
        let b = try await TestNetwork("b", port: ports[0], members: [:])
        let missed = try await TestNetwork("a", port: 0, members: ["b": ports[1]])
        try await missed.network.tried(within: .hours(1)).get()
        #expect(missed.events.lines.lines.isEmpty)
        try await missed.stop()

        let refused = try await TestNetwork("a", port: 0, members: ["b": ports[0]])
        try await refused.network.tried(within: .hours(1)).get()
        #expect(refused.events.lines.lines.isEmpty)
        try await refused.stop()
        try await b.stop()

        // A member that takes connections and says nothing.
        let silent = try await silentPort()
        let limited = try await TestNetwork("a", port: 0, members: ["b": silent.port]) {
            $0.handshakeMilliseconds = 3_600_000
        }
        try await limited.network.tried(within: .milliseconds(1)).get()
        #expect(limited.events.lines.lines.isEmpty)
        try await limited.stop()
        try await silent.close()
    }

    private func silentPort() async throws -> (port: Int, close: () async throws -> Void) {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        return (try #require(channel.localAddress?.port), { try await channel.close().get() })
    }

    @Test("messages that the end of one link brings about, found by a flush, reach the other links")
    func endWithinFlush() async throws {
        let ports = try freePorts(3)
        let c = try await TestNetwork("c", port: ports[2], members: ["a": ports[0]])
        let a = try await TestNetwork("a", port: ports[0], members: ["b": ports[1], "c": ports[2]])
        // Its welcome stays unread, so that the system resets the connection when it is closed.
        let b = try await RawPeerConnection(port: a.port, reads: false)
        try await b.send(.hello) { self.hello().write(into: &$0) }
        await a.events.lines.line(with: "up b")
        await a.events.lines.line(with: "up c")
        let (network, announcement) = (a.network, announcement)
        a.events.onLinkDown.withLockedValue {
            $0 = { _ in _ = network.send(announcement, to: TestNetwork.id("c")) }
        }
        try await network.loop.submit {
            b.closeBlocking()
            _ = network.send(announcement, to: TestNetwork.id("b"))
        }.get()
        await a.events.lines.line(with: "down b")
        await c.events.lines.line(with: "from a")
        a.send(announcement, to: "c")
        await c.events.lines.line(with: "from a", after: 1)
        #expect(c.events.lines.count(of: "from a") == 2)
        try await a.stop()
        try await c.stop()
    }

    private func hello(
        from sender: String = "b", to receiver: String = "a", cluster: ClusterID = TestNetwork.cluster,
        versions: PeerProtocolVersions = .spoken, session: UInt64 = 9
    ) -> PeerHello {
        PeerHello(
            versions: versions, cluster: cluster, sender: TestNetwork.id(sender), receiver: TestNetwork.id(receiver),
            session: session)
    }

    /// A network whose only other member, b, is played by the test.
    private func lonely(_ adjust: (inout PeerSettings) -> Void = { _ in }) async throws -> TestNetwork {
        try await TestNetwork("a", port: 0, members: ["b": try freePorts(1)[0]], adjust: adjust)
    }

    @Test("who is refused is told why, and the log says it")
    func refusals() async throws {
        let a = try await lonely()
        let cases: [(PeerHello, PeerRefusal.Reason, String)] = [
            (hello(cluster: ClusterID(hash: KeyHash(high: 3, low: 4))), .cluster, "cluster id 0000000000000003"),
            (hello(from: "x"), .unknownMember, "is none of this cluster's"),
            (hello(to: "c"), .wrongReceiver, "sought member"),
            (hello(versions: PeerProtocolVersions(oldest: 7, newest: 9)), .version, "protocol versions 7 to 9"),
        ]
        for (hello, reason, text) in cases {
            let raw = try await RawPeerConnection(port: a.port)
            try await raw.send(.hello) { hello.write(into: &$0) }
            let frames = try await raw.frames()
            #expect(frames.count == 1 && frames[0].kind == .refusal)
            let refusal = try PeerRefusal(from: frames[0].body)
            #expect(refusal.reason == reason)
            #expect(refusal.description.contains(text), "\(refusal)")
            #expect(a.log.count(of: "refused: \(refusal.description)") == 1)
        }
        #expect(a.events.lines.lines.isEmpty)
        try await a.stop()
    }

    @Test("members of two clusters are never linked, and both logs say why")
    func twoClusters() async throws {
        let ports = try freePorts(2)
        let a = try await TestNetwork("a", port: ports[0], members: ["b": ports[1]])
        let other = ClusterID(hash: KeyHash(high: 3, low: 4))
        let b = try await TestNetwork("b", cluster: other, port: ports[1], members: ["a": ports[0]])
        await a.log.line(with: "refused this node: cluster id \(TestNetwork.cluster), here \(other)")
        await b.log.line(with: "refused: cluster id \(TestNetwork.cluster), here \(other)")
        #expect(a.events.lines.lines.isEmpty && b.events.lines.lines.isEmpty)
        try await a.stop()
        try await b.stop()
    }

    @Test("garbage ends its connection with a line in the log, and disturbs no other")
    func garbage() async throws {
        let a = try await lonely()
        for seed in 0..<40 as Range<UInt64> {
            var random = TestRandom(seed: seed)
            let raw = try await RawPeerConnection(port: a.port)
            var bytes = seed == 0 ? ByteBuffer(string: "GET / HTTP/1.1\r\nHost: x\r\n\r\n") : random.bytes(upTo: 400)
            if seed % 4 == 1 {
                bytes.clear()
                _ = PeerFrame.append(.hello, to: &bytes) { $0.writeImmutableBuffer(random.bytes(upTo: 60)) }
            }
            // Enough for a whole frame that a short garbage could have begun.
            bytes.writeRepeatingByte(0xFF, count: 1_100)
            try await raw.send(bytes)
            #expect(try await raw.untilClosed().readableBytes == 0, "seed \(seed)")
        }
        #expect(a.log.count(of: "closed: it brought") == 10, "ten lines in ten seconds")

        let raw = try await RawPeerConnection(port: a.port)
        try await raw.send(.hello) { self.hello().write(into: &$0) }
        await a.events.lines.line(with: "up b")
        try await raw.send(.message) { $0.writeString("no message") }
        await a.events.lines.line(with: "down b")
        let frames = try await raw.frames()
        #expect(frames.map(\.kind) == [.welcome])
        #expect(a.log.count(of: "link to b down: message cannot be 110") == 1)
        try await a.stop()
    }

    @Test("so many connections that have said nothing wait at a time")
    func strangers() async throws {
        let a = try await lonely {
            $0.handshakeMilliseconds = 600_000
            $0.maximumStrangers = 3
        }
        var silent: [RawPeerConnection] = []
        for _ in 0..<3 { silent.append(try await RawPeerConnection(port: a.port)) }
        let fourth = try await RawPeerConnection(port: a.port)
        #expect(try await fourth.untilClosed().readableBytes == 0)
        await a.log.line(with: "closed: 3 others have not said who they are")
        // One that has said who it is makes room for another.
        try await silent[0].send(.hello) { self.hello().write(into: &$0) }
        await a.events.lines.line(with: "up b")
        let fifth = try await RawPeerConnection(port: a.port)
        try await fifth.send(.hello) { self.hello(session: 10).write(into: &$0) }
        await a.events.lines.line(with: "up b", after: 1)
        try await a.stop()
        for raw in silent { _ = try await raw.untilClosed() }
    }

    @Test("a connection that says nothing is closed")
    func nothingSaid() async throws {
        let a = try await lonely { $0.handshakeMilliseconds = 50 }
        let raw = try await RawPeerConnection(port: a.port)
        #expect(try await raw.untilClosed().readableBytes == 0)
        try await a.stop()
    }

    @Test("a link that brings nothing any more, not even answers to pings, is dead")
    func silence() async throws {
        let a = try await lonely {
            $0.pingMilliseconds = 20
            $0.silenceMilliseconds = 600
        }
        let raw = try await RawPeerConnection(port: a.port)
        try await raw.send(.hello) { self.hello().write(into: &$0) }
        await a.events.lines.line(with: "up b")
        let kinds = try await raw.frames().map(\.kind)
        #expect(kinds.first == .welcome)
        #expect(kinds.contains(.ping))
        await a.events.lines.line(with: "down b")
        await a.log.line(with: "link to b down: silent for")
        try await a.stop()
    }

    @Test("a ping is answered")
    func ping() async throws {
        let a = try await lonely()
        let raw = try await RawPeerConnection(port: a.port)
        try await raw.send(.hello) { self.hello().write(into: &$0) }
        try await raw.send(.ping)
        try await raw.send(.welcome)
        let kinds = try await raw.frames().map(\.kind)
        #expect(kinds == [.welcome, .pong])
        try await a.stop()
    }

    @Test("a newer connection of the same member takes the place of the older")
    func replaced() async throws {
        let a = try await lonely()
        let first = try await RawPeerConnection(port: a.port)
        try await first.send(.hello) { self.hello().write(into: &$0) }
        await a.events.lines.line(with: "up b")
        let second = try await RawPeerConnection(port: a.port)
        try await second.send(.hello) { self.hello(session: 10).write(into: &$0) }
        #expect(try await first.frames().map(\.kind) == [.welcome])
        await a.events.lines.line(with: "up b", after: 1)
        #expect(a.events.lines.lines == ["up b", "down b", "up b"])
        a.send(announcement, to: "b")
        try await a.stop()
        #expect(try await second.frames().map(\.kind).contains(.message))
    }

    @Test("what a member does not take is dropped and counted, beyond a bound")
    func bounded() async throws {
        let a = try await lonely { $0.maximumUnsentBytes = 1 << 20 }
        let raw = try await RawPeerConnection(port: a.port, reads: false)
        try await raw.send(.hello) { self.hello().write(into: &$0) }
        await a.events.lines.line(with: "up b")
        let key = ObjectKey(type: "t", bucket: "b", key: String(repeating: "k", count: 60_000))
        // 120 MB: beyond what any socket buffer holds.
        for number in 0..<2_000 as Range<UInt64> { a.send(.fetch(Fetch(correlation: number, key: key)), to: "b") }
        #expect(try await a.droppedMessages() > 1_000)
        try await raw.close()
        try await a.stop()
    }
}
