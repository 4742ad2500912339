import NIOCore
import NIOHTTP1
import RiakWire

/// One connection: takes requests apart, bounds them, and writes the answers in order, all in its event loop. NIO's
/// pipeline handler before it holds back the next request until the end of this one's answer has been written.
final class HTTPConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// Between requests.
        case idle
        case receiving(Receiving)
        /// What is left of a refused request is short enough to be read over before it is answered.
        case readingOver(HTTPRefusal, Answering)
        /// The request is whole and somewhere in the node.
        case answering(Answering)
        /// The answer is written but for its end, until the client has taken what was written.
        case sending
        /// The request was refused before its end, and answered: what else comes of it is thrown away.
        case lingering(bytes: Int)
        /// Nothing more is read or answered.
        case closing
    }

    private struct Receiving {
        var exchange: HTTPExchange
        var answering: Answering
        /// All of the body that has come, whether it is kept or not.
        var bytes = 0
        var body = ByteBuffer()
    }

    private struct Answering {
        var isHead: Bool
        var version: HTTPVersion
        var keepsAlive: Bool
        /// Of the door's budget.
        var bufferedBytes = 0
    }

    /// A body that nobody needs is read over up to this length; beyond it the connection is worth less than the bytes.
    private var readOverBytes: Int { min(64 << 10, settings.maximumBodyBytes) }
    private static let deepestNesting = 8

    private let settings: HTTPDoorSettings
    private let responder: HTTPResponder
    private let budget: BodyBudget
    private var state = State.idle
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var lastActive = NIODeadline.uptimeNanoseconds(0)
    /// When the head of the request came that is being received.
    private var requestBegan = NIODeadline.uptimeNanoseconds(0)
    private var unsentBytes = 0
    private var inputIsClosed = false
    /// Answers given within the reading of their request, each within the one before.
    private var nesting = 0

    init(_ settings: HTTPDoorSettings, _ responder: HTTPResponder, _ budget: BodyBudget) {
        self.settings = settings
        self.responder = responder
        self.budget = budget
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        lastActive = context.eventLoop.now
        scheduleIdleCheck(context, in: min(settings.idleTimeout, settings.receivingTimeout))
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        stopReading()
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
        // None is carried out behind an answer with `Connection: close`: its client would never hear of it.
        guard case .idle = state else { return }
        requestBegan = context.eventLoop.now
        var answering = Answering(isHead: head.method == .HEAD, version: head.version, keepsAlive: head.isKeepAlive)
        do throws(HTTPRefusal) {
            let exchange = try HTTPExchange(head, settings)
            // NIO's decoder takes what comes after for another protocol, and reads no further.
            if exchange.headers.asksUpgrade { answering.keepsAlive = false }
            state = .receiving(Receiving(exchange: exchange, answering: answering))
            if exchange.headers.expectsContinue, head.version != .http1_0 {
                let goOn = HTTPResponseHead(version: .http1_1, status: .continue)
                context.writeAndFlush(Self.wrapOutboundOut(.head(goOn)), promise: nil)
            }
        } catch {
            let headers = RequestHeaders(head.headers)
            if headers.asksUpgrade || head.method == .CONNECT { answering.keepsAlive = false }
            let isShort = headers.contentLength ?? 0 <= readOverBytes && !headers.expectsContinue
            if isShort, !head.headers.contains(name: "transfer-encoding") {
                state = .readingOver(error, answering)
            } else {
                refuseEarly(error, answering, context)
            }
        }
    }

    private func onBody(_ part: ByteBuffer, _ context: ChannelHandlerContext) {
        switch state {
        case .receiving(var receiving):
            // So that the body's storage is not shared while it grows.
            state = .closing
            do throws(HTTPRefusal) {
                try take(part, for: &receiving)
                state = .receiving(receiving)
            } catch {
                budget.give(back: receiving.answering.bufferedBytes)
                refuseEarly(error, receiving.answering, context)
            }
        case .lingering(let bytes):
            let total = bytes + part.readableBytes
            state = .lingering(bytes: total)
            if total > settings.lingeringBytes { context.close(promise: nil) }
        case .idle, .readingOver, .answering, .sending, .closing:
            break
        }
    }

    private func take(_ part: ByteBuffer, for receiving: inout Receiving) throws(HTTPRefusal) {
        receiving.bytes += part.readableBytes
        let takesBody = receiving.exchange.operation.takesBody
        let limit = takesBody ? settings.maximumBodyBytes : readOverBytes
        let claimed = receiving.exchange.headers.contentLength
        guard receiving.bytes <= limit else {
            throw .bodyTooLarge(bytes: claimed ?? receiving.bytes, limit: limit)
        }
        guard takesBody else { return }
        guard budget.take(part.readableBytes) else { throw .tooManyBodies(limit: settings.maximumBufferedBytes) }
        receiving.answering.bufferedBytes += part.readableBytes
        if receiving.body.readableBytes == 0 {
            receiving.body = part
        } else {
            if part.readableBytes > receiving.body.writableBytes {
                // The length that a client claims is believed only as far as it has sent some of it.
                receiving.body.reserveCapacity(min(max(claimed ?? 0, receiving.bytes), receiving.bytes * 4))
            }
            receiving.body.writeImmutableBuffer(part)
        }
    }

    private func onEnd(_ context: ChannelHandlerContext) {
        nesting += 1
        defer { nesting -= 1 }
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
        case .readingOver(let refusal, let answering):
            state = .answering(answering)
            answer(refusal.reply)
        case .lingering:
            closeAfterWrites(context)
        case .idle, .answering, .sending, .closing:
            break
        }
    }

    /// Does nothing on a connection that has closed since.
    private func answer(_ reply: HTTPReply) {
        guard case .answering(var answering) = state, let context else { return }
        guard nesting <= Self.deepestNesting else {
            // The end of an answer lets in the next of many requests that came at once, and its answer the next: each
            // would lie on the stack above the one before.
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            return context.eventLoop.execute { bound.value.answer(reply) }
        }
        budget.give(back: answering.bufferedBytes)
        // Before anything is written: a write that fails may end the connection right here.
        state = .sending
        if inputIsClosed { answering.keepsAlive = false }
        write(reply, answering, context)
        guard answering.keepsAlive else { return endAnswerAndClose(context) }
        context.flush()
        // Until its end is written the next request is not let in: a client that does not read is not answered again.
        if case .sending = state, context.channel.isWritable { endAnswer(context) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if case .sending = state, context.channel.isWritable { endAnswer(context) }
        context.fireChannelWritabilityChanged()
    }

    private func endAnswer(_ context: ChannelHandlerContext) {
        state = .idle
        lastActive = context.eventLoop.now
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func endAnswerAndClose(_ context: ChannelHandlerContext) {
        state = .closing
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        closeAfterWrites(context)
    }

    /// A close at once would drop what the socket has not taken yet, of this answer and of those before it.
    private func closeAfterWrites(_ context: ChannelHandlerContext) {
        stopReading()
        guard let encoder = try? context.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self) else {
            return context.close(promise: nil)
        }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
        // Writes are taken in order, also one of no bytes.
        encoder.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
    }

    /// Answers before the request's end, and closes the connection: its rest is not read as if it had been welcome.
    private func refuseEarly(_ refusal: HTTPRefusal, _ answering: Answering, _ context: ChannelHandlerContext) {
        var answering = answering
        answering.keepsAlive = false
        state = .lingering(bytes: 0)
        write(refusal.reply, answering, context)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer?.cancel()
        timer = context.eventLoop.scheduleTask(in: settings.lingeringTimeout) { bound.value.close(promise: nil) }
    }

    /// Head and body, neither flushed.
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
    }
}

extension HTTPConnectionHandler {
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        switch state {
        case .idle, .receiving, .readingOver:
            stopReading()
            let isTooLarge = error == .headerOverflow
            let limits = "at most \(settings.maximumHeaders) headers of \(settings.maximumHeaderBytes) bytes in all"
            let refusal = HTTPRefusal(
                status: isTooLarge ? .requestHeaderFieldsTooLarge : .badRequest,
                line: isTooLarge ? "request headers too large: \(limits) are allowed" : "no HTTP/1.1 request: \(error)")
            write(refusal.reply, Answering(isHead: false, version: .http1_1, keepsAlive: false), context)
            endAnswerAndClose(context)
        case .answering, .sending, .lingering:
            context.close(promise: nil)
        case .closing:
            // What comes behind the last request is nobody's; the last answer may still be on its way.
            break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            return context.fireUserInboundEventTriggered(event)
        }
        inputIsClosed = true
        switch state {
        case .answering, .closing: break
        case .sending: endAnswerAndClose(context)
        case .idle, .receiving, .readingOver, .lingering: closeAfterWrites(context)
        }
    }

    private func stopReading() {
        switch state {
        case .receiving(let receiving): budget.give(back: receiving.answering.bufferedBytes)
        case .answering(let answering): budget.give(back: answering.bufferedBytes)
        case .idle, .readingOver, .sending, .lingering, .closing: break
        }
        state = .closing
    }

    private func scheduleIdleCheck(_ context: ChannelHandlerContext, in delay: TimeAmount) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: delay) {
            let (handler, context) = bound.value
            handler.checkIdle(context)
        }
    }

    private func checkIdle(_ context: ChannelHandlerContext) {
        let now = context.eventLoop.now
        if isMoving(context) { lastActive = now }
        let left = lastActive + settings.idleTimeout - now
        guard left > .zero else { return context.close(promise: nil) }
        var leftToReceive = settings.receivingTimeout
        switch state {
        case .receiving(let receiving):
            leftToReceive = requestBegan + settings.receivingTimeout - now
            guard leftToReceive > .zero else {
                budget.give(back: receiving.answering.bufferedBytes)
                return refuseEarly(.tooSlow(settings.receivingTimeout), receiving.answering, context)
            }
        case .readingOver(let refusal, let answering):
            leftToReceive = requestBegan + settings.receivingTimeout - now
            guard leftToReceive > .zero else { return refuseEarly(refusal, answering, context) }
        case .idle, .answering, .sending, .lingering, .closing:
            break
        }
        // Never later than the end of a request whose head comes right after this look.
        scheduleIdleCheck(context, in: min(left, leftToReceive))
    }

    /// A request in the node has the node's deadline; an answer on its way must be shorter than at the last look.
    private func isMoving(_ context: ChannelHandlerContext) -> Bool {
        switch state {
        case .answering:
            return true
        case .sending, .closing:
            let before = unsentBytes
            unsentBytes = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
            return unsentBytes > 0 && unsentBytes != before
        case .idle, .receiving, .readingOver, .lingering:
            return false
        }
    }
}

extension HTTPRefusal {
    fileprivate static func tooSlow(_ limit: TimeAmount) -> HTTPRefusal {
        HTTPRefusal(
            status: .requestTimeout,
            line: "the request was not complete after \(limit.nanoseconds / 1_000_000_000) s; nothing was written",
            kind: .unavailable)
    }

    fileprivate static func tooManyBodies(limit: Int) -> HTTPRefusal {
        HTTPRefusal(
            status: .serviceUnavailable,
            line: "overload: the values that are being received fill \(limit) bytes; try again later",
            kind: .unavailable, headers: [("Retry-After", "1")])
    }
}
