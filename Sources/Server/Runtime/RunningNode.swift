import Engines
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Node
import Placement

/// A node at work: its driver, links, stores and threads, put together and taken apart in the right order.
final class RunningNode: Sendable {
    let group: MultiThreadedEventLoopGroup
    let service: ServedNode
    /// Where the other members reach it.
    let clusterAddress: NetworkAddress
    /// As it began.
    private let incarnation: UInt64
    private let settings: RuntimeSettings
    private let logger: Logger
    private let folder: DataFolder
    private let driver: NodeDriver
    private let network: PeerNetwork
    private let stores: [StoreRunner]
    private let recordWriter: RecordWriter
    private let failure: EventLoopPromise<Void>
    private let endOfStores = NIOLockedValueBox<RepeatedTask?>(nil)

    /// How it ends.
    enum Ending {
        /// All that was taken is done, and the next start may go on where this one ended.
        case clean
        /// As near to a crash as a process can come to for itself: no marker is left.
        case abrupt
    }

    /// Opens everything and begins to listen and dial. When it throws, nothing is left open.
    ///
    /// - Throws: ``StartError``.
    static func start(_ settings: RuntimeSettings, logger: Logger) async throws -> RunningNode {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        var opened: OpenedNode?
        var listener: PeerListener?
        do {
            let parts = try await blocking(loop) { try OpenedNode(settings, logger: logger) }
            opened = parts
            let bound = try await bind(settings, loop)
            listener = bound
            let start = try await blocking(loop) { try parts.begin(logger) }
            log(parts, start, settings, logger)
            let node = RunningNode(settings, parts, start, group, bound, logger)
            try await node.begin(bound)
            return node
        } catch {
            try? await listener?.close().get()
            if let opened { try? await blocking(loop) { opened.abandon(logger) } }
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Away from the event loop and from Swift's tasks, and not cut short where the task is cancelled.
    private static func blocking<Value: Sendable>(
        _ loop: any EventLoop, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive(eventLoop: loop, body).get()
    }

    private static func bind(_ settings: RuntimeSettings, _ loop: any EventLoop) async throws -> PeerListener {
        do {
            return try await PeerListener(bindTo: settings.clusterAddress, loop: loop, settings: settings.peers)
        } catch let error as ListenError {
            throw StartError.listen(error)
        }
    }

    private init(
        _ settings: RuntimeSettings, _ opened: OpenedNode, _ start: OpenedNode.Start,
        _ group: MultiThreadedEventLoopGroup, _ listener: PeerListener, _ logger: Logger
    ) {
        let loop = group.next()
        let folder = opened.folder
        let founding = folder.founding
        let map = founding.map
        var nodeSettings = NodeSettings(
            map: map, bucketTypes: opened.bucketTypes, hintStore: opened.stores.count - 1,
            contextKey: ContextKeys.key(secret: settings.secret, cluster: founding.clusterID))
        nodeSettings.startConfirmationMilliseconds = settings.startConfirmationMilliseconds
        let now = SystemClock.now()
        let driver = NodeDriver(
            loop: loop, nodeName: settings.nodeName,
            node: StorageNode(
                settings: nodeSettings, record: start.record, continuesIncarnation: start.continuesIncarnation,
                now: now),
            now: now, logger: logger)
        let failure = loop.makePromise(of: Void.self)
        let completions = LoopInbox<StorageCompletion>(loop: loop) { driver.completed($0) }

        self.group = group
        self.settings = settings
        self.logger = logger
        self.driver = driver
        self.failure = failure
        self.folder = folder
        incarnation = start.record.start.incarnation
        clusterAddress = listener.address
        network = PeerNetwork(
            loop: loop,
            identity: PeerIdentity(
                cluster: founding.clusterID, member: start.record.member, session: start.record.start.session),
            members: opened.members, settings: settings.peers, receiver: driver, logger: logger)
        stores = opened.stores.map { store in
            StoreRunner(
                name: store.name, store: store.objects, engine: store.engine, writePath: store.writePath,
                limits: settings.storeLimits, completions: completions,
                onEnd: { reason in
                    Self.markSuspect(store.name, reason, in: folder, logger)
                    logger.critical(
                        "store ended, its objects are served by other members: mend the disk and restart this node",
                        metadata: ["store": "\(store.name)", "reason": "\(reason)"])
                })
        }
        recordWriter = RecordWriter(
            replace: { record throws(DataFolderError) in try folder.replaceRecord(record) },
            done: { outcome in
                switch outcome {
                case .written(let revision): loop.execute { driver.persisted(revision: revision) }
                case .waiting(let error):
                    logger.error(
                        "no space for the node's record: writes are refused until there is some, reads go on",
                        metadata: ["reason": "\(error)"])
                case .failed(let error): failure.fail(RuntimeFailure.record(error))
                }
            })
        service = ServedNode(
            driver: driver, stores: stores, founding: founding, map: map, bucketTypes: opened.bucketTypes,
            nodeName: settings.nodeName, members: opened.members,
            slow: SlowRequestLog(milliseconds: settings.slowRequestMilliseconds, logger: logger))
    }

    private func begin(_ listener: PeerListener) async throws {
        // What could not be promised durably must not be acted on: nothing is served any more.
        failure.futureResult.whenFailure { [driver, logger] error in
            logger.critical("\(error)")
            driver.stop()
        }
        try await driver.loop.submit { [self] in
            driver.start(NodeDriver.Outside(network: network, stores: stores, recordWriter: recordWriter))
            network.start(listener)
        }.get()
        // A store may end on a thread of its own, when nothing is asked of it.
        let watched = stores
        endOfStores.withLockedValue { task in
            task = driver.loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
                for store in watched { store.lookForEnd() }
            }
        }
    }

    private static func log(
        _ opened: OpenedNode, _ start: OpenedNode.Start, _ settings: RuntimeSettings, _ logger: Logger
    ) {
        let founding = opened.folder.founding
        logger.info(
            "node starts",
            metadata: [
                "version": "\(RotorVersion.text)", "node": "\(settings.nodeName)",
                "member": "\(start.record.member)", "cluster": "\(founding.name)",
                "cluster-id": "\(founding.clusterID)", "start": "\(start.record.start.number)",
                "incarnation": "\(String(start.record.start.incarnation, radix: 16))",
                "clean": "\(start.stoppedCleanly)", "data": "\(settings.dataPath)",
                "stores": "\(settings.stores.map { "\($0.name):\($0.engine):\($0.writePath)" }.joined(separator: " "))",
            ])
        for difference in opened.folder.differences {
            logger.warning("the configuration differs from the cluster, without effect: \(difference)")
        }
    }

    /// Returns when the node may mint versions, and has sought the other members.
    func ready() async throws {
        try await driver.ready().get()
        try await network.tried(within: .seconds(1)).get()
        let record = try await driver.figures().get().record
        if record.start.incarnation != incarnation, service.memberCount > 1 {
            logger.warning("not confirmed as the latest start by the other members: goes on as a new incarnation")
        }
        logger.info(
            "node ready",
            metadata: [
                "cluster-address": "\(clusterAddress)",
                "incarnation": "\(String(record.start.incarnation, radix: 16))",
            ])
    }

    /// Fails when the node cannot go on; succeeds when it is stopped.
    var ended: EventLoopFuture<Void> { failure.futureResult }

    /// Before anybody is answered that the store has ended, and outside of it: what it says of itself is not to be
    /// believed any more.
    private static func markSuspect(_ store: String, _ reason: String, in folder: DataFolder, _ logger: Logger) {
        do throws(DataFolderError) {
            try folder.suspectMark(store).write(reason)
        } catch {
            logger.error(
                "store ended and cannot be marked as suspect: mend the disk, and check the store before the next start",
                metadata: ["store": "\(store)", "error": "\(error)"])
        }
    }

    // MARK: The end

    /// Once.
    func stop(_ ending: Ending) async {
        let loop = driver.loop
        if case .clean = ending { await drain() }
        endOfStores.withLockedValue { $0?.cancel() }
        do {
            try await loop.submit { self.driver.stop() }.get()
            try await network.stop().get()
        } catch {
            logger.error("links did not close: \(error)")
        }
        let maySucceed = await close(ending)
        failure.succeed()
        do {
            try await loop.submit { self.driver.detach() }.get()
            try await group.shutdownGracefully()
        } catch {
            logger.error("the event loop did not stop: \(error)")
        }
        logger.info("node stopped", metadata: ["clean": "\(maySucceed)"])
    }

    private func drain() async {
        let timeout = driver.loop.makePromise(of: Void.self)
        let timer = driver.loop.scheduleTask(in: .milliseconds(Int64(settings.drainMilliseconds))) {
            timeout.succeed()
        }
        driver.drained().cascade(to: timeout)
        try? await timeout.futureResult.get()
        timer.cancel()
    }

    /// Closes the stores, then leaves the record and, where all went well, the marker. Returns whether it did.
    private func close(_ ending: Ending) async -> Bool {
        do {
            let loop = driver.loop
            let closed = try await Self.blocking(loop) { self.closeStores() }
            // What the stores completed last has reached the node before its record is taken.
            let record = try await driver.figures().get().record
            return try await Self.blocking(loop) {
                self.recordWriter.stop()
                defer { self.folder.release() }
                guard case .clean = ending, closed else { return false }
                try self.folder.replaceRecord(record)
                try self.folder.markCleanStop(after: record)
                return true
            }
        } catch {
            logger.error("the stop is not a clean one: \(error)")
            return false
        }
    }

    /// True where every store is one that the next start may go on with.
    private func closeStores() -> Bool {
        var clean = true
        for store in stores {
            do {
                clean = try store.close() && clean
            } catch {
                clean = false
                logger.error("store \(store.name) did not close: \(error)")
                // Its last sync is part of the close.
                Self.markSuspect(store.name, "\(error)", in: folder, logger)
            }
        }
        return clean
    }
}

extension RuntimeSettings {
    fileprivate var storeLimits: StoreRunner.Limits {
        var limits = StoreRunner.Limits()
        limits.writes = waitingWrites
        limits.reads = waitingReads
        limits.bytes = waitingBytes
        limits.readers = readersPerStore
        return limits
    }
}
