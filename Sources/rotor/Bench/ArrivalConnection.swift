import NIOCore

/// One connection of an ``ArrivalLoad``: a request at a time, as bytes that are made with as little work as can be, so
/// that the load takes little of the machine that it shares with the servers.
final class ArrivalConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Pending {
        /// Of a put.
        let key: Int?
        let since: NIODeadline
        let recorder: ArrivalRecorder
    }

    /// Of the endpoint that it leads to.
    let endpoint: Int
    private unowned let load: ArrivalLoad
    private let putHead: ByteBuffer
    private let getHead: ByteBuffer
    private let tail: ByteBuffer
    private var reader = HTTPAnswerReader()
    private var pending: Pending?
    private var context: ChannelHandlerContext?

    /// - Parameter tail: What follows the key in a put, with the value.
    init(_ load: ArrivalLoad, endpoint: Int, path: String, tail: ByteBuffer) {
        self.load = load
        self.endpoint = endpoint
        self.tail = tail
        putHead = ByteBuffer(string: "PUT " + path)
        getHead = ByteBuffer(string: "GET " + path)
    }

    var isIdle: Bool { context != nil && pending == nil }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        reader = HTTPAnswerReader()
        load.onFree(self, after: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        pending?.recorder.record(error: "connection lost")
        pending = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// - Parameter key: Of the run's.
    func send(put: Bool, key: Int, _ recorder: ArrivalRecorder) {
        guard let context else { return }
        pending = Pending(key: put ? key : nil, since: .now(), recorder: recorder)
        var buffer = context.channel.allocator.buffer(capacity: 64 + putHead.readableBytes + tail.readableBytes)
        buffer.writeImmutableBuffer(put ? putHead : getHead)
        buffer.writeString(String(key))
        if put {
            buffer.writeImmutableBuffer(tail)
        } else {
            buffer.writeStaticString(" HTTP/1.1\r\nHost: rotor\r\n\r\n")
        }
        context.writeAndFlush(Self.wrapOutboundOut(buffer), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reader.append(Self.unwrapInboundIn(data))
        do {
            guard let pending else { return context.close(promise: nil) }
            guard let answer = try reader.next(hasBody: true) else { return }
            self.pending = nil
            take(answer, to: pending)
            if answer.closes {
                context.close(promise: nil)
            } else if answer.status == 503, answer.saysWhen {
                load.rest(self)
            } else {
                load.onFree(self, after: pending.recorder)
            }
        } catch {
            pending?.recorder.record(error: "no HTTP answer")
            pending = nil
            context.close(promise: nil)
        }
    }

    private func take(_ answer: HTTPAnswerReader.Head, to request: Pending) {
        let time = NIODeadline.now() - request.since
        switch answer.status {
        case 200, 204:
            request.recorder.record(served: time, begunAt: request.since)
            if let key = request.key { load.onStored(key) }
        case 503 where answer.saysWhen: request.recorder.record(refused: time)
        default: request.recorder.record(error: answer.failure ?? "HTTP status \(answer.status)")
        }
    }

    /// Gives up what has taken too long.
    func check(_ now: NIODeadline) {
        guard let pending, now - pending.since > ArrivalPlan.patience else { return }
        pending.recorder.record(error: "no answer within \(ArrivalPlan.patience.nanoseconds / 1_000_000_000) s")
        self.pending = nil
        context?.close(promise: nil)
    }
}
