import HummingbirdCore
public import Logging
public import NIOCore
import NIOHTTP1
public import NIOPosix
public import ServiceLifecycle

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
    /// - Throws: ``HTTPDoorError``.
    public func run() async throws {
        let connections = HTTPConnections(
            settings: settings, responder: HTTPResponder(node: node, now: { ServerDate.unixSeconds }),
            budget: BodyBudget(limit: settings.maximumBufferedBytes))
        let address = "\(settings.host):\(settings.port)"
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
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw HTTPDoorError.addressInUse(address)
        } catch {
            throw HTTPDoorError.cannotListen(address: address, reason: "\(error)")
        }
    }
}

/// How a connection that Hummingbird has accepted is spoken on.
struct HTTPConnections: ServerChildChannel {
    struct Connection: ServerChildChannelValue {
        let channel: any Channel
    }

    let settings: HTTPDoorSettings
    let responder: HTTPResponder
    let budget: BodyBudget

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
            value.channel.close(promise: nil)
        }
    }
}
