public import Logging
public import NIOCore
public import ServiceLifecycle
import UnixSignals

/// What a daemon opens to clients once its node is ready.
public struct Door: Sendable {
    /// Throws where the door could not open, before anything of the node begins.
    let check: @Sendable () async throws -> Void
    /// Makes the service that stands at the door. `group` is the node's event loop: a door on it spares a change of
    /// thread for each request.
    let make: @Sendable (_ node: ServedNode, _ group: any EventLoopGroup, Logger) -> any Service

    public init(
        check: @escaping @Sendable () async throws -> Void = {},
        make: @escaping @Sendable (_ node: ServedNode, _ group: any EventLoopGroup, Logger) -> any Service
    ) {
        self.check = check
        self.make = make
    }
}

/// A node's whole life: opens folder, stores and links, waits until the node is ready, opens the doors, and after a
/// graceful stop takes all of it apart in the opposite order.
public struct Daemon: Service {
    private let settings: RuntimeSettings
    private let doors: [Door]
    private let logger: Logger

    public init(settings: RuntimeSettings, doors: [Door], logger: Logger) {
        self.settings = settings
        self.doors = doors
        self.logger = logger
    }

    /// Runs until SIGTERM or SIGINT; throws as ``run()`` does.
    public func runUntilSignalled() async throws {
        let configuration = ServiceGroupConfiguration(
            services: [self], gracefulShutdownSignals: [.sigterm, .sigint], logger: quietLogger)
        try await ServiceGroup(configuration: configuration).run()
    }

    /// Returns after a graceful stop.
    ///
    /// - Throws: ``StartError``, ``RuntimeFailure``, or what a door throws; then too everything is closed.
    public func run() async throws {
        for door in doors { try await door.check() }
        let node = try await RunningNode.start(settings, logger: logger)
        let result: Result<Void, any Error>
        do {
            result = .success(try await serve(node))
        } catch {
            result = .failure(error)
        }
        // A task of its own: this one may have been cancelled, and the stores must be closed all the same.
        await Task { await node.stop(.clean) }.value
        try result.get()
    }

    private func serve(_ node: RunningNode) async throws {
        let watch = NodeWatch(ended: node.ended)
        do {
            try await node.ready()
        } catch is NodeStopped {
            // It has failed: with this.
            return try await node.ended.get()
        }
        var services = [ServiceGroupConfiguration.ServiceConfiguration(service: watch)]
        for door in doors {
            services.append(
                ServiceGroupConfiguration.ServiceConfiguration(service: door.make(node.service, node.group, logger)))
        }
        for index in services.indices { services[index].failureTerminationBehavior = .gracefullyShutdownGroup }
        var configuration = ServiceGroupConfiguration(services: services, logger: quietLogger)
        configuration.maximumGracefulShutdownDuration = .milliseconds(settings.drainMilliseconds)
        try await ServiceGroup(configuration: configuration).run()
    }

    /// The life cycle's own lines are of no use to an operator.
    private var quietLogger: Logger {
        var quiet = logger
        quiet.logLevel = max(quiet.logLevel, .warning)
        return quiet
    }
}

/// Ends the doors when the node cannot go on.
private struct NodeWatch: Service {
    let ended: EventLoopFuture<Void>

    func run() async throws {
        let stop = ended.eventLoop.makePromise(of: Void.self)
        ended.cascade(to: stop)
        try await withTaskCancellationOrGracefulShutdownHandler {
            try await stop.futureResult.get()
        } onCancelOrGracefulShutdown: {
            stop.succeed()
        }
    }
}
