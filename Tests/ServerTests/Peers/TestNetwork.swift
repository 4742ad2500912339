import Dispatch
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Node
import Placement

@testable import Server

/// The links of one member without a node behind them: what they tell stands in a log of events.
final class TestNetwork: Sendable {
    let name: String
    let log = LogCapture()
    let events: EventLog
    let network: PeerNetwork
    let listener: PeerListener
    private let group: MultiThreadedEventLoopGroup

    static let cluster = ClusterID(hash: KeyHash(high: 1, low: 2))

    /// Ids by name: a is lower than b, b than c.
    static func id(_ name: String) -> MemberID {
        MemberID(rawValue: UInt64(name.utf8.first ?? 0))
    }

    /// - Parameter members: The others, and where they are.
    init(
        _ name: String, session: UInt64 = 1, cluster: ClusterID = TestNetwork.cluster, port: Int,
        members: [String: Int], adjust: (inout PeerSettings) -> Void = { _ in }
    ) async throws {
        self.name = name
        var settings = PeerSettings()
        adjust(&settings)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let events = EventLog()
        self.events = events
        let network = PeerNetwork(
            loop: loop,
            identity: PeerIdentity(cluster: cluster, member: Self.id(name), session: session),
            members: members.map {
                PeerAddress(
                    id: Self.id($0), name: $0, address: NetworkAddress(host: "127.0.0.1", port: $1))
            }, settings: settings, receiver: events, logger: log.logger)
        self.network = network
        let listener = try await PeerListener(
            bindTo: NetworkAddress(host: "127.0.0.1", port: port), loop: loop, settings: settings)
        self.listener = listener
        try await loop.submit { network.start(listener) }.get()
    }

    var port: Int { listener.address.port }

    func send(_ message: Message, to name: String) {
        network.loop.execute { _ = self.network.send(message, to: Self.id(name)) }
    }

    func droppedMessages() async throws -> Int {
        try await network.loop.submit { self.network.droppedMessages }.get()
    }

    func stop() async throws {
        try await network.stop().get()
        try await group.shutdownGracefully()
    }

    /// Keeps what links tell, a line an event.
    final class EventLog: PeerReceiver, Sendable {
        let lines = LogCapture()
        /// What a node behind the links would do.
        let onLinkDown = NIOLockedValueBox<(@Sendable (MemberID) -> Void)?>(nil)

        func batch(_ body: () -> Void) { body() }
        func linkUp(_ member: MemberID) { lines.add("up \(Self.name(member))") }
        func linkDown(_ member: MemberID) {
            lines.add("down \(Self.name(member))")
            onLinkDown.withLockedValue { $0 }?(member)
        }
        func received(_ message: Message, from member: MemberID) {
            lines.add("from \(Self.name(member)) \(fingerprint(message))")
        }

        private static func name(_ member: MemberID) -> String {
            String(UnicodeScalar(UInt8(truncatingIfNeeded: member.rawValue)))
        }
    }
}

/// A connection on which a test says what it likes.
final class RawPeerConnection: Sendable {
    private let channel: any Channel
    private let received: EventLoopPromise<ByteBuffer>

    init(port: Int, reads: Bool = true) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let received = group.any().makePromise(of: ByteBuffer.self)
        self.received = received
        channel = try await ClientBootstrap(group: group)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(received))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    func send(_ bytes: ByteBuffer) async throws {
        try await channel.writeAndFlush(bytes).get()
    }

    func send(_ kind: PeerFrame.Kind, _ body: (inout ByteBuffer) -> Void = { _ in }) async throws {
        var bytes = ByteBuffer()
        _ = PeerFrame.append(kind, to: &bytes, body)
        try await send(bytes)
    }

    /// All that came until the other side closed.
    func untilClosed() async throws -> ByteBuffer {
        // A test that is cancelled, as its time is over, waits no longer.
        try await withTaskCancellationHandler {
            try await received.futureResult.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    /// The frames that came until the other side closed.
    func frames() async throws -> [(kind: PeerFrame.Kind, body: ByteBuffer)] {
        var reader = PeerFrameReader()
        reader.limit = PeerFrame.limit
        reader.append(try await untilClosed())
        var frames: [(kind: PeerFrame.Kind, body: ByteBuffer)] = []
        while let frame = try reader.next() { frames.append(frame) }
        return frames
    }

    func close() async throws {
        try await channel.close().get()
    }

    /// Waits for it in this thread: in the event loop of a network, which does not look at its sockets meanwhile.
    func closeBlocking() {
        let closed = DispatchSemaphore(value: 0)
        channel.close().whenComplete { _ in closed.signal() }
        closed.wait()
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let promise: EventLoopPromise<ByteBuffer>
        private var bytes = ByteBuffer()

        init(_ promise: EventLoopPromise<ByteBuffer>) {
            self.promise = promise
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var read = unwrapInboundIn(data)
            bytes.writeBuffer(&read)
        }

        func channelInactive(context: ChannelHandlerContext) {
            promise.succeed(bytes)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
