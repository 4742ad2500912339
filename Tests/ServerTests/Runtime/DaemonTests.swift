import Engines
import NIOCore
import Node
import Placement
import ServiceLifecycle
import Testing
import Versions

@testable import Server

@Suite(.timeLimit(.minutes(1))) struct DaemonTests {
    /// A door that says when it is opened and closed, and writes once through it.
    private struct RecordedDoor: Service {
        let node: ServedNode
        let events: LogCapture
        let fails: Bool

        func run() async throws {
            events.add("open, node ready: \(await node.status().ready)")
            let key = ObjectKey(type: "default", bucket: "b", key: "k")
            let reply = await node.perform(.put(PutRequest(key: key, content: Content(value: ByteBuffer(string: "v")))))
            events.add("\(reply)")
            if fails { throw UnexpectedReply(description: "the door fell off") }
            try await gracefulShutdown()
            events.add("closed, node ready: \(await node.status().ready)")
        }
    }

    private func message(of body: () async throws -> Void) async -> String {
        do {
            try await body()
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test("doors open when the node is ready, close before it stops, and the next start goes on")
    func life() async throws {
        let cluster = try TestCluster([.lmdb])
        for round in 1...2 {
            let events = LogCapture()
            let log = LogCapture()
            let daemon = Daemon(
                settings: cluster.nodes[0].settings,
                doors: [Door(make: { node, _, _ in RecordedDoor(node: node, events: events, fails: false) })],
                logger: log.logger)
            let group = ServiceGroup(configuration: .init(services: [daemon], logger: log.logger))
            async let running: Void = group.run()
            await events.line(with: "stored")
            await group.triggerGracefulShutdown()
            try await running
            #expect(events.lines == ["open, node ready: true", "stored(nil)", "closed, node ready: true"])
            #expect(log.count(of: "node starts") == 1)
            #expect(log.count(of: "clean=\(round == 2)") == (round == 2 ? 2 : 1), "\(log.lines)")
            #expect(log.count(of: "node stopped clean=true") == 1)
        }
    }

    @Test("a door that fails ends the daemon with its error, in good order")
    func failingDoor() async throws {
        let cluster = try TestCluster([.bdb])
        let events = LogCapture()
        let log = LogCapture()
        let daemon = Daemon(
            settings: cluster.nodes[0].settings,
            doors: [Door(make: { node, _, _ in RecordedDoor(node: node, events: events, fails: true) })],
            logger: log.logger)
        #expect(await message { try await daemon.run() } == "the door fell off")
        #expect(log.count(of: "node stopped clean=true") == 1)
    }

    @Test("a cancelled daemon still closes its stores and leaves a clean stop")
    func cancelled() async throws {
        let cluster = try TestCluster([.lmdb])
        let events = LogCapture()
        let log = LogCapture()
        let daemon = Daemon(
            settings: cluster.nodes[0].settings,
            doors: [Door(make: { node, _, _ in RecordedDoor(node: node, events: events, fails: false) })],
            logger: log.logger)
        let task = Task { try await daemon.run() }
        await events.line(with: "stored")
        task.cancel()
        _ = await task.result
        #expect(log.count(of: "node stopped clean=true") == 1)
        let node = cluster.nodes[0]
        try await node.startReady()
        #expect(try await node.get("k") == ["v"])
        await cluster.stop()
    }

    @Test("a port in use is one clear line with the address, and costs the node nothing")
    func portInUse() async throws {
        let cluster = try TestCluster([.lmdb])
        let node = cluster.nodes[0]
        try await node.startReady()
        await node.stop(.clean)
        let other = try TestCluster([.lmdb]) { $0.clusterAddress = node.settings.clusterAddress }
        try await other.start()
        #expect(
            await message { try await node.start() }
                == "listen.cluster: \(node.settings.clusterAddress) is in use by another program; stop that, or choose"
                + " another port")
        await other.stop()
        try await node.startReady()
        #expect(node.log.count(of: "clean=true") == 1, "the marker of the clean stop was still there")
        await cluster.stop()
    }

    @Test("a door that cannot open is found out before the node begins, and costs it nothing")
    func doorCannotOpen() async throws {
        let cluster = try TestCluster([.lmdb])
        let log = LogCapture()
        let daemon = Daemon(
            settings: cluster.nodes[0].settings,
            doors: [
                Door(
                    check: { throw UnexpectedReply(description: "the door is walled up") },
                    make: { node, _, _ in RecordedDoor(node: node, events: LogCapture(), fails: false) })
            ], logger: log.logger)
        #expect(await message { try await daemon.run() } == "the door is walled up")
        #expect(log.lines.isEmpty)
        #expect(!cluster.temporary.exists("a"))
    }

    @Test("a first start that fails leaves no data folder behind, and the next may be another node's")
    func failedFirstStart() async throws {
        let cluster = try TestCluster([.lmdb])
        let node = cluster.nodes[0]
        let other = try TestCluster([.bdb], cluster: "other") { $0.clusterAddress = node.settings.clusterAddress }
        try await other.start()
        #expect(await message { try await node.start() }.contains("is in use by another program"))
        #expect(!cluster.temporary.exists("a"))
        let address = node.settings.clusterAddress
        node.settings.clusterAddress.port = 0
        node.settings.stores.append(RuntimeSettings.Store(name: "large", engine: .sqlite))
        node.settings.openEngine = { (store, path) throws(EngineError) in
            guard store.engine == .lmdb else { throw EngineError(.full, operation: "open", detail: "no space") }
            return try EngineFactory.open(store.engine, at: path, options: store.options)
        }
        #expect(await message { try await node.start() } == "store 'large' does not open: open: no space")
        #expect(!cluster.temporary.exists("a"))

        await other.stop()
        node.settings = other.nodes[0].settings
        node.settings.dataPath = "\(cluster.temporary.path)/a"
        node.settings.clusterAddress = address
        try await node.startReady()
        await cluster.stop()
    }

    @Test("a data folder in use is one clear line, and the node in it goes on")
    func folderInUse() async throws {
        let cluster = try TestCluster([.lmdb])
        try await cluster.start()
        let second = TestNode(cluster.nodes[0].settings)
        second.settings.clusterAddress.port = 0
        #expect(await message { try await second.start() }.contains("in use by process"))
        try await cluster.nodes[0].put("k", "v")
        await cluster.stop()
    }

    @Test("a store that is another engine's is refused by name, and everything is let go")
    func otherEngine() async throws {
        let cluster = try TestCluster([.lmdb])
        let node = cluster.nodes[0]
        try await cluster.start()
        await node.stop(.clean)
        node.settings.stores[0].engine = .bdb
        let text = await message { try await node.start() }
        #expect(text.contains("store 'default' does not open") && text.contains("is engine lmdb's, asked was bdb"))
        node.settings.stores[0].engine = .lmdb
        try await node.startReady()
        await cluster.stop()
    }

    @Test("a bucket type on a store that is not configured, and an address that is none, are refused")
    func badSettings() async throws {
        let cluster = try TestCluster([.memory])
        let node = cluster.nodes[0]
        node.settings.bucketTypes.append(BucketType(name: "x", store: "large", n: 3))
        #expect(await message { try await node.start() }.contains("bucket type 'x' names the store 'large'"))
        let other = try TestCluster([.memory]) {
            let founders = [Founding.Founder(name: "a", address: "nowhere", zone: "z", weight: 1)]
            guard
                let founding = try? Founding(
                    name: "test", partitioning: $0.founding.partitioning, n: 3, founders: founders)
            else { return }
            $0.founding = founding
        }
        #expect(await message { try await other.nodes[0].start() }.contains("member 'a' has the address 'nowhere'"))
    }
}
