import NIOCore
import NIOHTTP1
import RiakWire

/// One connection: takes requests apart, bounds them, and writes the answers in order, all in its event loop. NIO's
/// pipeline handler before it holds back the next request until this one is answered.
final class HTTPConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// Between requests.
        case idle
        case receiving(Receiving)
        /// The request is whole and somewhere in the node, or its answer waits for its end.
        case answering(Answering)
        /// The request was refused before its end: what else comes of it is thrown away.
        case lingering(bytes: Int)
        case closed
    }

    private struct Receiving {
        var exchange: HTTPExchange
        var answering: Answering
        var body = ByteBuffer()
    }

    private struct Answering {
        var isHead: Bool
        var version: HTTPVersion
        var keepsAlive: Bool
        /// Of the door's budget.
        var bufferedBytes = 0
    }

    private let settings: HTTPDoorSettings
    private let responder: HTTPResponder
    private let budget: BodyBudget
    private var state = State.idle
    /// A request without a body to speak of that is refused when it is whole.
    private var refusal: HTTPRefusal?
    private var context: ChannelHandlerContext?
    private var lastActive = NIODeadline.uptimeNanoseconds(0)
    private var inputIsClosed = false
    private var timer: Scheduled<Void>?

    init(_ settings: HTTPDoorSettings, _ responder: HTTPResponder, _ budget: BodyBudget) {
        self.settings = settings
        self.responder = responder
        self.budget = budget
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        lastActive = context.eventLoop.now
        scheduleIdleCheck(context, in: settings.idleTimeout)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        releaseBudget()
        state = .closed
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastActive = context.eventLoop.now
        switch Self.unwrapInboundIn(data) {
        case .head(let head): onHead(head, context)
        case .body(let part): onBody(part, context)
        case .end: onEnd(context)
        }
    }

    private func onHead(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let answering = Answering(isHead: head.method == .HEAD, version: head.version, keepsAlive: head.isKeepAlive)
        do throws(HTTPRefusal) {
            let exchange = try HTTPExchange(head, settings)
            state = .receiving(Receiving(exchange: exchange, answering: answering))
            if exchange.headers.expectsContinue, head.version != .http1_0 {
                let goOn = HTTPResponseHead(version: .http1_1, status: .continue)
                context.writeAndFlush(Self.wrapOutboundOut(.head(goOn)), promise: nil)
            }
        } catch {
            state = .answering(answering)
            let length = Int(head.headers.first(name: "content-length") ?? "0") ?? 0
            if length == 0, !head.headers.contains(name: "transfer-encoding") {
                refusal = error
            } else {
                refuseEarly(error, answering, context)
            }
        }
    }

    private func onBody(_ part: ByteBuffer, _ context: ChannelHandlerContext) {
        switch state {
        case .receiving(var receiving):
            // So that the body is not copied when it is written to.
            state = .closed
            let bytes = receiving.body.readableBytes + part.readableBytes
            guard !receiving.exchange.operation.takesBody || bytes <= settings.maximumBodyBytes else {
                budget.give(back: receiving.answering.bufferedBytes)
                receiving.answering.bufferedBytes = 0
                let refusal = HTTPRefusal.bodyTooLarge(
                    bytes: receiving.exchange.headers.contentLength ?? bytes, limit: settings.maximumBodyBytes)
                return refuseEarly(refusal, receiving.answering, context)
            }
            guard receiving.exchange.operation.takesBody else {
                // A get with a body: read over it, within bounds.
                receiving.answering.keepsAlive = false
                return state = .receiving(receiving)
            }
            guard budget.take(part.readableBytes) else {
                budget.give(back: receiving.answering.bufferedBytes)
                receiving.answering.bufferedBytes = 0
                return refuseEarly(.tooManyBodies(limit: settings.maximumBufferedBytes), receiving.answering, context)
            }
            receiving.answering.bufferedBytes += part.readableBytes
            if receiving.body.readableBytes == 0 {
                receiving.body = part
            } else {
                if bytes > receiving.body.capacity {
                    // Not at once what the client claims to send.
                    let claimed = receiving.exchange.headers.contentLength ?? 0
                    receiving.body.reserveCapacity(min(max(claimed, bytes), bytes * 4))
                }
                receiving.body.writeImmutableBuffer(part)
            }
            state = .receiving(receiving)
        case .lingering(let bytes):
            guard bytes + part.readableBytes <= settings.lingeringBytes else { return context.close(promise: nil) }
            state = .lingering(bytes: bytes + part.readableBytes)
        case .idle, .answering, .closed:
            break
        }
    }

    private func onEnd(_ context: ChannelHandlerContext) {
        switch state {
        case .receiving(let receiving):
            state = .answering(receiving.answering)
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            let eventLoop = context.eventLoop
            responder.respond(to: receiving.exchange, body: receiving.body) { reply in
                if eventLoop.inEventLoop {
                    bound.value.answer(reply)
                } else {
                    eventLoop.execute { bound.value.answer(reply) }
                }
            }
        case .answering:
            guard let refusal else { return }
            self.refusal = nil
            answer(refusal.reply)
        case .lingering:
            context.close(promise: nil)
        case .idle, .closed:
            break
        }
    }

    /// Nothing to answer on a connection that has closed since.
    private func answer(_ reply: HTTPReply) {
        guard case .answering(var answering) = state, let context else { return }
        budget.give(back: answering.bufferedBytes)
        answering.bufferedBytes = 0
        state = .idle
        lastActive = context.eventLoop.now
        if inputIsClosed { answering.keepsAlive = false }
        write(reply, answering, context)
        if !answering.keepsAlive { context.close(promise: nil) }
    }

    /// Answers before the request's end, and closes the connection: its rest is not read as if it had been welcome.
    private func refuseEarly(_ refusal: HTTPRefusal, _ answering: Answering, _ context: ChannelHandlerContext) {
        var answering = answering
        answering.keepsAlive = false
        state = .lingering(bytes: 0)
        write(refusal.reply, answering, context)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer?.cancel()
        timer = context.eventLoop.scheduleTask(in: settings.lingeringTimeout) { bound.value.close(promise: nil) }
    }

    private func write(_ reply: HTTPReply, _ answering: Answering, _ context: ChannelHandlerContext) {
        var head = HTTPResponseHead(version: .http1_1, status: reply.status, headers: reply.headers)
        head.headers.add(name: "Date", value: ServerDate.now)
        // The encoder leaves the length out where the status rules out a body.
        head.headers.add(name: "Content-Length", value: String(reply.body.readableBytes))
        if !answering.keepsAlive {
            head.headers.add(name: "Connection", value: "close")
        } else if answering.version == .http1_0 {
            head.headers.add(name: "Connection", value: "keep-alive")
        }
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        if !answering.isHead, reply.body.readableBytes > 0, reply.status.mayHaveResponseBody {
            context.write(Self.wrapOutboundOut(.body(.byteBuffer(reply.body))), promise: nil)
        }
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
    }
}

extension HTTPConnectionHandler {
    /// The parser closes the connection right after this.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        switch state {
        case .idle, .receiving:
            releaseBudget()
            let isTooLarge = error == .headerOverflow
            let limits = "at most \(settings.maximumHeaders) headers of \(settings.maximumHeaderBytes) bytes in all"
            let refusal = HTTPRefusal(
                status: isTooLarge ? .requestHeaderFieldsTooLarge : .badRequest,
                line: isTooLarge ? "request headers too large: \(limits) are allowed" : "no HTTP/1.1 request: \(error)")
            state = .closed
            write(
                refusal.reply, Answering(isHead: false, version: .http1_1, keepsAlive: false), context)
        case .answering, .lingering, .closed:
            break
        }
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            return context.fireUserInboundEventTriggered(event)
        }
        inputIsClosed = true
        switch state {
        case .answering: break
        case .idle, .receiving, .lingering, .closed: context.close(promise: nil)
        }
    }

    private func releaseBudget() {
        switch state {
        case .receiving(let receiving): budget.give(back: receiving.answering.bufferedBytes)
        case .answering(let answering): budget.give(back: answering.bufferedBytes)
        case .idle, .lingering, .closed: break
        }
    }

    /// A request that is being worked on has the node's deadline; all else must move.
    private func scheduleIdleCheck(_ context: ChannelHandlerContext, in delay: TimeAmount) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: delay) {
            let (handler, context) = bound.value
            let left = handler.lastActive + handler.settings.idleTimeout - context.eventLoop.now
            if case .answering = handler.state {
                handler.scheduleIdleCheck(context, in: handler.settings.idleTimeout)
            } else if left <= .zero {
                context.close(promise: nil)
            } else {
                handler.scheduleIdleCheck(context, in: left)
            }
        }
    }
}

extension HTTPRefusal {
    fileprivate static func tooManyBodies(limit: Int) -> HTTPRefusal {
        HTTPRefusal(
            status: .serviceUnavailable,
            line: "overload: the values that are being received fill \(limit) bytes; try again later",
            kind: .unavailable, headers: [("Retry-After", "1")])
    }
}
