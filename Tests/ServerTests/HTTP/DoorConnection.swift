import NIOCore
import NIOPosix

/// A client that sends the bytes it is told to and reads responses one by one.
final class DoorConnection: Sendable {
    struct Response: Sendable {
        var status: Int
        var headers: [(name: String, value: String)]
        var body: ByteBuffer

        /// The value of the first such header.
        subscript(name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }

        var text: String { String(buffer: body) }
    }

    struct Unexpected: Error, CustomStringConvertible {
        var description: String
    }

    private let channel: any Channel
    private let inbox: Inbox

    static func open(to address: SocketAddress) async throws -> DoorConnection {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(InboxHandler(inbox))
                }
            }
            .connect(to: address).get()
        return DoorConnection(channel: channel, inbox: inbox)
    }

    private init(channel: any Channel, inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    func send(_ bytes: ByteBuffer) async throws {
        try await channel.writeAndFlush(bytes)
    }

    func send(_ text: String) async throws {
        try await send(ByteBuffer(string: text))
    }

    func shutOutput() async throws {
        try await channel.close(mode: .output)
    }

    func close() async {
        channel.close(promise: nil)
        _ = await inbox.all()
    }

    /// - Parameter isHead: The response has no body, whatever it says of its length.
    func response(isHead: Bool = false) async throws -> Response {
        guard let head = await inbox.take(through: "\r\n\r\n") else {
            throw Unexpected(description: "the connection ended before a response")
        }
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: true)
        guard let first = lines.first, first.hasPrefix("HTTP/1.1 "), let status = Int(first.dropFirst(9).prefix(3))
        else { throw Unexpected(description: "no response: \(head)") }
        let headers = lines.dropFirst().map { line -> (name: String, value: String) in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
        }
        var response = Response(status: status, headers: headers, body: ByteBuffer())
        guard !isHead, status >= 200, status != 204, status != 304 else { return response }
        guard let length = response["content-length"].flatMap(Int.init) else {
            throw Unexpected(description: "a response without a length: \(head)")
        }
        guard let body = await inbox.take(length) else {
            throw Unexpected(description: "the connection ended within a body of \(length) bytes")
        }
        response.body = body
        return response
    }

    /// All that comes until the server closes the connection.
    func rest() async -> String { String(buffer: await inbox.all()) }

    func exchange(_ request: String, body: ByteBuffer = ByteBuffer()) async throws -> Response {
        var bytes = ByteBuffer(string: request)
        bytes.writeImmutableBuffer(body)
        try await send(bytes)
        return try await response(isHead: request.hasPrefix("HEAD "))
    }
}

/// What has come and nobody has taken yet.
actor Inbox {
    private var bytes = ByteBuffer()
    private var isEnded = false
    private var waiter: CheckedContinuation<Void, Never>?

    func add(_ more: ByteBuffer) {
        bytes.writeImmutableBuffer(more)
        wake()
    }

    func end() {
        isEnded = true
        wake()
    }

    private func wake() {
        waiter?.resume()
        waiter = nil
    }

    private func more() async -> Bool {
        if isEnded { return false }
        // A test that is cancelled, as its time is over, waits no longer.
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter = $0 }
        } onCancel: {
            Task { await end() }
        }
        return true
    }

    func take(through mark: String) async -> String? {
        let pattern = Array(mark.utf8)
        while true {
            let view = bytes.readableBytesView
            if let found = view.indices.first(where: { view[$0...].starts(with: pattern) }) {
                return bytes.readString(length: found - view.startIndex + pattern.count)
            }
            let count = bytes.readableBytes
            while bytes.readableBytes == count { guard await more() else { return nil } }
        }
    }

    func take(_ count: Int) async -> ByteBuffer? {
        while bytes.readableBytes < count { guard await more() else { return nil } }
        return bytes.readSlice(length: count)
    }

    func all() async -> ByteBuffer {
        while await more() {}
        defer { bytes.clear() }
        return bytes
    }
}

/// Hands what comes to the inbox, in order.
private final class InboxHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let stream: AsyncStream<ByteBuffer>.Continuation

    init(_ inbox: Inbox) {
        let (parts, stream) = AsyncStream.makeStream(of: ByteBuffer.self)
        self.stream = stream
        Task {
            for await part in parts { await inbox.add(part) }
            await inbox.end()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        stream.yield(Self.unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        stream.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
