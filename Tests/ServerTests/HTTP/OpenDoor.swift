import Logging
import NIOCore
import Server
import ServiceLifecycle

/// A door on a free port of the loopback, before a node in memory or another.
final class OpenDoor: Sendable {
    let node: MemoryNode
    let address: SocketAddress
    let log: LogCapture
    private let group: ServiceGroup
    private let running: Task<Void, any Error>

    static func open(
        before other: (any NodeService)? = nil, _ change: (inout HTTPDoorSettings) -> Void = { _ in }
    ) async throws -> OpenDoor {
        var settings = HTTPDoorSettings(host: "127.0.0.1", port: 0)
        // A busy machine must not decide a test.
        settings.lingeringTimeout = .hours(1)
        settings.idleTimeout = .hours(1)
        change(&settings)
        let node = MemoryNode()
        let (bound, onBound) = AsyncStream.makeStream(of: SocketAddress.self)
        let log = LogCapture()
        let logger = log.logger
        let behind: any NodeService = other ?? node
        let door = HTTPDoor(settings: settings, node: behind, logger: logger) { onBound.yield($0) }
        let group = ServiceGroup(services: [door], logger: logger)
        let running = Task {
            defer { onBound.finish() }
            try await group.run()
        }
        for await address in bound {
            return OpenDoor(node: node, address: address, log: log, group: group, running: running)
        }
        try await running.value
        throw DoorConnection.Unexpected(description: "the door ended before it was open")
    }

    private init(
        node: MemoryNode, address: SocketAddress, log: LogCapture, group: ServiceGroup,
        running: Task<Void, any Error>
    ) {
        self.node = node
        self.address = address
        self.log = log
        self.group = group
        self.running = running
    }

    /// For a test that fails before it closes the door.
    deinit {
        running.cancel()
    }

    /// Stops gracefully, and waits for it.
    func close() async throws {
        node.release()
        await group.triggerGracefulShutdown()
        try await running.value
    }

    /// Begins the graceful stop.
    func shut() async {
        await group.triggerGracefulShutdown()
    }

    /// What a stop does that has taken too long; waits for it.
    func cancel() async {
        running.cancel()
        _ = await running.result
    }

    func connect() async throws -> DoorConnection {
        try await DoorConnection.open(to: address)
    }

    /// One request on a connection of its own.
    func exchange(_ request: String, body: ByteBuffer = ByteBuffer()) async throws -> DoorConnection.Response {
        let connection = try await connect()
        let response = try await connection.exchange(request, body: body)
        await connection.close()
        return response
    }

    func put(_ path: String, _ value: String, _ headers: String...) async throws -> DoorConnection.Response {
        try await exchange(RequestText.put(path, value, headers))
    }

    func get(_ path: String, _ headers: String...) async throws -> DoorConnection.Response {
        try await exchange(RequestText.plain("GET", path, headers))
    }

    func head(_ path: String, _ headers: String...) async throws -> DoorConnection.Response {
        try await exchange(RequestText.plain("HEAD", path, headers))
    }

    func delete(_ path: String, _ headers: String...) async throws -> DoorConnection.Response {
        try await exchange(RequestText.plain("DELETE", path, headers))
    }
}

/// Requests as bytes.
enum RequestText {
    static func plain(_ method: String, _ path: String, _ headers: [String] = []) -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: door\r\n" + headers.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    static func put(_ path: String, _ value: String, _ headers: [String] = []) -> String {
        let type = headers.contains { $0.hasPrefix("Content-Type:") } ? [] : ["Content-Type: text/plain"]
        return plain("PUT", path, type + ["Content-Length: \(value.utf8.count)"] + headers) + value
    }

    /// The body in chunks of many lengths.
    static func chunks(of value: ByteBuffer) -> ByteBuffer {
        var chunks = ByteBuffer()
        var rest = value
        var length = 1
        while let chunk = rest.readSlice(length: min(length, rest.readableBytes)), chunk.readableBytes > 0 {
            chunks.writeString(String(chunk.readableBytes, radix: 16) + "\r\n")
            chunks.writeImmutableBuffer(chunk)
            chunks.writeString("\r\n")
            length = length * 3 % 100_003
        }
        chunks.writeString("0\r\n\r\n")
        return chunks
    }
}
