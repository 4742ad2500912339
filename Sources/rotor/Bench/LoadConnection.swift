import NIOCore
import RotorClient

/// One client: sends a request, waits for its answer, sends the next. Raw bytes in the event loop, so that the load
/// takes little of the machine that it shares with the servers.
final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Request {
        case put(key: Int)
        /// For the context that the put after it needs.
        case head(key: Int)
        case get(key: Int)
    }

    private let plan: LoadPlan
    private let index: Int
    private let host: String
    private let path: String
    private let value: ByteBuffer
    private let recorder: LoadRecorder
    /// Called when the keys are stored, and when nothing is under way after the end.
    private let onIdle: () -> Void
    private var generator = LoadRandom()
    private var reader = HTTPAnswerReader()
    private var pending: (request: Request, since: NIODeadline)?
    private var stored = 0
    private var context: ChannelHandlerContext?

    /// - Parameter value: Twice as long as the plan's values, which are pieces of it.
    init(
        _ plan: LoadPlan, index: Int, value: ByteBuffer, recorder: LoadRecorder, onIdle: @escaping () -> Void
    ) {
        self.plan = plan
        self.index = index
        self.value = value
        self.recorder = recorder
        self.onIdle = onIdle
        path = plan.path(connection: index)
        host = plan.endpoints[index % plan.endpoints.count].description
    }

    var isIdle: Bool { pending == nil }

    var hasStoredAll: Bool { stored >= plan.keyCount(of: index) }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        reader = HTTPAnswerReader()
        proceed()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        guard pending != nil else { return }
        pending = nil
        recorder.record(error: "connection lost")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reader.append(Self.unwrapInboundIn(data))
        do {
            guard let pending else { return context.close(promise: nil) }
            var hasBody = true
            if case .head = pending.request { hasBody = false }
            guard let answer = try reader.next(hasBody: hasBody) else { return }
            self.pending = nil
            take(answer, to: pending.request, after: .now() - pending.since)
            if answer.closes { context.close(promise: nil) } else if self.pending == nil { proceed() }
        } catch {
            recorder.record(error: "no HTTP answer")
            pending = nil
            context.close(promise: nil)
        }
    }

    /// Sends the next request, if there is one to send.
    func proceed() {
        guard let context, pending == nil else { return }
        let own = plan.keyCount(of: index)
        switch recorder.phase {
        case .preparing:
            if stored < own { send(.put(key: stored), sealed: nil, context) } else { onIdle() }
        case .measuring:
            let puts = plan.putRatio >= 1 || Double.random(in: 0..<1, using: &generator) < plan.putRatio
            if plan.keys == 0 {
                send(.put(key: stored), sealed: nil, context)
            } else if own > 0 {
                let key = Int.random(in: 0..<own, using: &generator)
                send(puts ? .head(key: key) : .get(key: key), sealed: nil, context)
            }
        case .over:
            onIdle()
        }
    }

    /// Gives up what has taken too long.
    func check(_ now: NIODeadline) {
        guard let pending, now - pending.since > LoadPlan.patience else { return }
        self.pending = nil
        recorder.record(error: "no answer within 30 s")
        context?.close(promise: nil)
    }

    private func take(_ answer: HTTPAnswerReader.Head, to request: Request, after time: TimeAmount) {
        switch (request, answer.status) {
        case (.put(let key), 204):
            if key == stored { stored += 1 }
            recorder.record(isPut: true, time)
        case (.get, 200):
            recorder.record(isPut: false, time)
        case (.head(let key), 200):
            recorder.record(isPut: false, time)
            if let context { send(.put(key: key), sealed: answer.context, context) }
        case (_, 300): recorder.record(error: "siblings")
        case (.put, _), (.get, _), (.head, _):
            recorder.record(
                error: answer.failure ?? (answer.status == 404 ? "not found" : "HTTP status \(answer.status)"))
        }
    }

    private func send(_ request: Request, sealed: String?, _ context: ChannelHandlerContext) {
        pending = (request, .now())
        let (method, key, takesBody) =
            switch request {
            case .put(let key): ("PUT", key, true)
            case .head(let key): ("HEAD", key, false)
            case .get(let key): ("GET", key, false)
            }
        var buffer = context.channel.allocator.buffer(capacity: 256 + (takesBody ? plan.valueBytes : 0))
        buffer.writeString(method)
        buffer.writeStaticString(" ")
        buffer.writeString(path)
        buffer.writeString("\(key)\(plan.query)")
        buffer.writeStaticString(" HTTP/1.1\r\nHost: ")
        buffer.writeString(host)
        if let sealed {
            buffer.writeStaticString("\r\nX-Riak-Vclock: ")
            buffer.writeString(sealed)
        }
        if takesBody {
            buffer.writeStaticString("\r\nContent-Type: application/octet-stream\r\nContent-Length: ")
            buffer.writeString("\(plan.valueBytes)")
        }
        buffer.writeStaticString("\r\n\r\n")
        if takesBody {
            let start = value.readerIndex + Int.random(in: 0...plan.valueBytes, using: &generator)
            if let piece = value.getSlice(at: start, length: plan.valueBytes) { buffer.writeImmutableBuffer(piece) }
        }
        context.writeAndFlush(Self.wrapOutboundOut(buffer), promise: nil)
    }
}

/// SplitMix64: the system's generator asks the kernel each time.
private struct LoadRandom: RandomNumberGenerator {
    private var state = UInt64.random(in: .min ... .max)

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
