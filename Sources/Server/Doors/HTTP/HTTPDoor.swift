import CoreMetrics
import HummingbirdCore
public import Logging
public import NIOCore
import NIOHTTP1
public import NIOPosix
public import ServiceLifecycle
import Synchronization

/// The client door over HTTP: Riak's object, ping, stats and preference list resources.
///
/// Hummingbird accepts, counts and drains the connections. What is said on them is handled in their event loops by
/// ``HTTPConnectionHandler``, without a task a request.
public struct HTTPDoor: Service {
    private let settings: HTTPDoorSettings
    private let node: any NodeService
    private let logger: Logger
    private let group: any EventLoopGroup
    private let onBound: @Sendable (SocketAddress) async -> Void

    /// - Parameters:
    ///   - group: Whose event loops share the connections. A group of the node's own loop spares a change of thread.
    ///   - onBound: Called once, when connections are accepted at this address.
    public init(
        settings: HTTPDoorSettings, node: some NodeService, logger: Logger,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        onBound: @escaping @Sendable (SocketAddress) async -> Void = { _ in }
    ) {
        self.settings = settings
        self.node = node
        self.logger = logger
        self.group = group
        self.onBound = onBound
    }

    /// Returns after a graceful stop, when the requests that were under way have been answered.
    /// - Throws: ``ListenError``.
    public func run() async throws {
        let connections = HTTPConnections(
            settings: settings, responder: HTTPResponder(node: node, now: { ServerDate.unixSeconds }),
            budget: BodyBudget(limit: settings.maximumBufferedBytes), cut: CutConnections(),
            open: Meter(label: MetricFamily.httpConnections.name, factory: node.meters))
        var quiet = logger
        quiet.logLevel = max(quiet.logLevel, .warning)
        let server = connections.server(
            configuration: ServerConfiguration(
                address: .hostname(settings.host, port: settings.port),
                availableConnectionsDelegate: MaximumAvailableConnections(settings.maximumConnections)),
            onServerRunning: { channel in
                guard let bound = channel.localAddress else { return }
                let shown = "\(bound.ipAddress ?? settings.host):\(bound.port ?? settings.port)"
                logger.info("HTTP door open", metadata: ["address": "\(shown)"])
                await onBound(bound)
            },
            eventLoopGroup: group, logger: quiet)
        do {
            try await server.run()
        } catch {
            throw settings.listenError(error)
        }
        let cut = connections.cut.count.load(ordering: .relaxed)
        if cut > 0 {
            logger.warning(
                "connections closed before all on them was answered: the stop had no more time",
                metadata: ["connections": "\(cut)"])
        }
    }

    /// Whether the address could be listened at now: found out before a node begins, a port in use costs nothing.
    ///
    /// - Throws: ``ListenError``.
    public static func check(_ settings: HTTPDoorSettings) async throws {
        do {
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelOption(.autoRead, value: false)
                .bind(host: settings.host, port: settings.port).get()
            try await channel.close().get()
        } catch {
            throw settings.listenError(error)
        }
    }
}

/// Those that a stop closed while something was under way on them: idle ones are closed when it begins.
final class CutConnections: Sendable {
    let count = Atomic<Int>(0)
}

/// How a connection that Hummingbird has accepted is spoken on.
struct HTTPConnections: ServerChildChannel {
    struct Connection: ServerChildChannelValue {
        let channel: any Channel
    }

    let settings: HTTPDoorSettings
    let responder: HTTPResponder
    let budget: BodyBudget
    let cut: CutConnections
    /// How many there are.
    let open: Meter

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Connection> {
        channel.eventLoop.makeCompletedFuture {
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = settings.maximumHeaderBytes
            limits.maxHeaderListSize = settings.maximumHeaderBytes
            limits.maxHeaderFieldCount = settings.maximumHeaders
            // Header values are made free of control characters where they are made.
            try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                withPipeliningAssistance: true, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
            try channel.pipeline.syncOperations.addHandler(HTTPConnectionHandler(settings, responder, budget))
            open.increment()
            channel.closeFuture.whenComplete { [open] _ in open.decrement() }
            return Connection(channel: channel)
        }
    }

    /// The connection lives in its event loop; this waits for its end.
    func handle(value: Connection, logger: Logger) async {
        await withTaskCancellationHandler {
            do {
                try await value.channel.closeFuture.get()
            } catch {
                logger.debug("HTTP connection ended: \(error)")
            }
        } onCancel: {
            value.channel.eventLoop.execute {
                // One that has closed may not have been noticed here yet.
                guard value.channel.isActive else { return }
                cut.count.add(1, ordering: .relaxed)
                value.channel.close(promise: nil)
            }
        }
    }
}
