import NIOCore
import Node
import Placement

/// One connection to another member: the handler at its end. Everything here is on its event loop.
///
/// Decodes by hand in `channelRead`; frames to send are appended to one buffer, which the network has written and
/// flushed once an event-loop tick, with no promise a frame.
final class PeerLink: ChannelInboundHandler, @unchecked Sendable {
    // Unchecked: touched on its event loop only.
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Someone dialed us and has not said who it is.
        case stranger
        /// We dialed and wait for the answer to our hello.
        case greeting
        /// The handshake is done; messages flow.
        case linked
        case ended
    }

    /// Nil as long as it is a stranger.
    private(set) var peer: MemberID?
    private(set) var phase: Phase
    let isDialed: Bool
    /// Of the peer's start, once the handshake is done.
    private(set) var peerSession: UInt64?
    private(set) var droppedMessages = 0

    private let network: PeerNetwork
    private let settings: PeerSettings
    private var context: ChannelHandlerContext?
    private var reader = PeerFrameReader()
    private var outgoing = ByteBuffer()
    private var isDirty = false
    private var lastHeard = NIODeadline.now()
    private var timer: Scheduled<Void>?
    private var linkedSince: NIODeadline?
    /// Why it ended, where that was decided here.
    private(set) var reason: String?

    /// - Parameter peer: Whom it was dialed to; nil for a connection that came in.
    init(network: PeerNetwork, settings: PeerSettings, dialedTo peer: MemberID?) {
        self.network = network
        self.settings = settings
        self.peer = peer
        isDialed = peer != nil
        phase = isDialed ? .greeting : .stranger
    }

    /// Ended within seconds of its beginning.
    var wasShort: Bool { linkedSince.map { NIODeadline.now() - $0 < .seconds(5) } ?? true }
    var closeFuture: EventLoopFuture<Void>? { context?.channel.closeFuture }
    var remoteAddress: String {
        guard let address = context?.remoteAddress, let host = address.ipAddress, let port = address.port else {
            return "an unknown address"
        }
        return NetworkAddress(host: host, port: port).description
    }

    // MARK: Sending

    /// Appends a message. Dropped, and counted, where the peer takes too little: the protocol lives with loss, and
    /// memory has an end.
    ///
    /// - Returns: Whether it was taken.
    func send(_ message: Message) -> Bool {
        guard let context, phase == .linked else { return false }
        guard context.channel.isWritable, outgoing.readableBytes <= settings.maximumUnsentBytes else {
            droppedMessages += 1
            return false
        }
        if !append(.message, { MessageCoding.write(message, into: &$0) }) {
            network.onOversizedMessage(self, message)
            return false
        }
        return true
    }

    private func append(_ kind: PeerFrame.Kind, _ body: (inout ByteBuffer) -> Void) -> Bool {
        guard PeerFrame.append(kind, to: &outgoing, body) else { return false }
        if !isDirty {
            isDirty = true
            network.flushLater(self)
        }
        return true
    }

    /// Hands everything appended to the socket, in one piece.
    func flush() {
        isDirty = false
        guard let context, outgoing.readableBytes > 0 else { return }
        network.traffic.sentBytes += outgoing.readableBytes
        context.writeAndFlush(wrapOutboundOut(outgoing), promise: nil)
        // Written out as a rule: then the memory is ours alone again, and used again.
        if outgoing.capacity > 1 << 20 { outgoing = ByteBuffer() } else { outgoing.clear() }
    }

    // MARK: Handshake

    func sendHello(_ hello: PeerHello) {
        _ = append(.hello) { hello.write(into: &$0) }
    }

    /// The peer's hello is accepted.
    func welcome(_ hello: PeerHello, version: UInt16, session: UInt64) {
        peer = hello.sender
        _ = append(.welcome) { PeerWelcome(version: version, session: session).write(into: &$0) }
        begin(peerSession: hello.session)
    }

    func refuse(_ refusal: PeerRefusal) {
        _ = append(.refusal) { refusal.write(into: &$0) }
        close("refused: \(refusal.description)")
    }

    private func begin(peerSession: UInt64) {
        self.peerSession = peerSession
        phase = .linked
        linkedSince = .now()
        reader.limit = PeerFrame.limit
        timer?.cancel()
        watchSilence()
    }

    /// Ends the connection, behind what was said already; the network hears of it once, when the channel has become
    /// inactive.
    func close(_ reason: String) {
        guard phase != .ended else { return }
        self.reason = self.reason ?? reason
        flush()
        context?.close(promise: nil)
    }

    // MARK: Timers

    private func watchHandshake() {
        guard let context else { return }
        let limit = settings.handshakeMilliseconds
        timer = context.eventLoop.scheduleTask(in: .milliseconds(Int64(limit))) { [self] in
            close("no handshake within \(limit) ms")
        }
    }

    /// Sends a ping now and then: a link that brings nothing, not even an answer to that, is dead, though no packet
    /// says so.
    private func watchSilence() {
        guard let context else { return }
        timer = context.eventLoop.scheduleTask(in: .milliseconds(Int64(settings.pingMilliseconds))) { [self] in
            guard phase == .linked else { return }
            let silent = (NIODeadline.now() - lastHeard).nanoseconds / 1_000_000
            if silent > settings.silenceMilliseconds {
                close("silent for \(silent) ms")
            } else {
                if silent >= settings.pingMilliseconds { _ = append(.ping) { _ in } }
                watchSilence()
            }
        }
    }

    // MARK: ChannelInboundHandler

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard timer == nil else { return }
        lastHeard = .now()
        watchHandshake()
        network.onConnected(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .ended, reason == nil else { return }
        lastHeard = .now()
        let bytes = unwrapInboundIn(data)
        network.traffic.receivedBytes += bytes.readableBytes
        reader.append(bytes)
        network.receiver.batch { readFrames() }
    }

    private func readFrames() {
        do throws(PeerFrameError) {
            while reason == nil, let frame = try reader.next() {
                do throws(MessageCodingError) {
                    try onFrame(frame.kind, frame.body)
                } catch {
                    network.onGarbage(self, "\(error)")
                    close("\(error)")
                }
            }
        } catch {
            network.onGarbage(self, "\(error)")
            close("\(error)")
        }
    }

    private func onFrame(_ kind: PeerFrame.Kind, _ body: ByteBuffer) throws(MessageCodingError) {
        switch (phase, kind) {
        case (.linked, .message):
            guard let peer else { return }
            network.receiver.received(try MessageCoding.message(from: body), from: peer)
        case (.linked, .ping): _ = append(.pong) { _ in }
        case (.linked, .pong): break
        case (.stranger, .hello): network.onHello(self, try PeerHello(from: body))
        case (.greeting, .welcome):
            let welcome = try PeerWelcome(from: body)
            guard PeerProtocolVersions.spoken.includes(welcome.version) else {
                throw .impossible("protocol version", UInt64(welcome.version))
            }
            begin(peerSession: welcome.session)
            network.onWelcome(self)
        case (.greeting, .refusal):
            let refusal = try PeerRefusal(from: body)
            network.onRefusal(self, refusal)
            close("refused: \(refusal.description)")
        case (.linked, .hello), (.linked, .welcome), (.linked, .refusal), (.stranger, _), (.greeting, _), (.ended, _):
            throw .unexpectedFrame("a \(kind) on a connection that is \(phase)")
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close("\(error)")
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    private func end() {
        guard phase != .ended else { return }
        let last = phase
        phase = .ended
        timer?.cancel()
        outgoing = ByteBuffer()
        network.onEnded(self, last, reason ?? "the other side closed the connection")
    }
}
