import Engines
import Glibc
import Logging
import NIOCore
import Node
import Placement
import Synchronization
import Versions

@testable import Server

/// Nodes on loopback in one process, each in a folder of its own, one engine each.
final class TestCluster {
    let temporary: TemporaryFolder
    var nodes: [TestNode] = []

    init(
        _ engines: [EngineKind], cluster: String = "test", partitions: Int = 16,
        adjust: (inout RuntimeSettings) -> Void = { _ in }
    ) throws {
        temporary = try TemporaryFolder()
        let ports = try freePorts(engines.count)
        let names = engines.indices.map { String(UnicodeScalar(UInt8(97 + $0))) }
        let founding = try Founding(
            name: cluster, partitioning: try Partitioning(count: partitions), n: 3,
            founders: zip(names, ports).map {
                Founding.Founder(name: $0, address: "127.0.0.1:\($1)", zone: $0, weight: 1)
            })
        for (index, engine) in engines.enumerated() {
            var settings = RuntimeSettings(
                nodeName: names[index], dataPath: "\(temporary.path)/\(names[index])",
                clusterAddress: NetworkAddress(host: "127.0.0.1", port: ports[index]), founding: founding,
                stores: [RuntimeSettings.Store(name: "default", engine: engine)],
                bucketTypes: [BucketType(name: "default", store: "default", n: 3)])
            adjust(&settings)
            nodes.append(TestNode(settings))
        }
    }

    /// Returns when all nodes are ready and all pairs are linked.
    func start() async throws {
        for node in nodes { try await node.start() }
        for node in nodes { try await node.running?.ready() }
        for node in nodes {
            for other in nodes where other !== node { await node.linked(to: other.name) }
        }
    }

    func stop() async {
        for node in nodes { await node.stop(.clean) }
    }
}

/// One node that can be started again and again.
final class TestNode {
    var settings: RuntimeSettings
    private(set) var log = LogCapture()
    private(set) var running: RunningNode?

    init(_ settings: RuntimeSettings) {
        self.settings = settings
    }

    var name: String { settings.nodeName }

    func start() async throws {
        log = LogCapture()
        running = try await RunningNode.start(settings, logger: log.logger)
    }

    func startReady() async throws {
        try await start()
        try await running?.ready()
    }

    func stop(_ ending: RunningNode.Ending) async {
        await running?.stop(ending)
        running = nil
    }

    func linked(to name: String, after: Int = 0) async {
        await log.line(with: "link to \(name) up", after: after)
    }

    func unlinked(from name: String, after: Int = 0) async {
        await log.line(with: "link to \(name) down", after: after)
    }

    func perform(_ request: ClientRequest) async throws -> ClientReply {
        guard let running else { throw NodeStopped() }
        return await running.service.perform(request)
    }

    func status() async throws -> NodeStatus {
        guard let running else { throw NodeStopped() }
        return await running.service.status()
    }

    func put(_ key: String, _ value: String, context: ByteBuffer? = nil, w: Quorum? = nil) async throws {
        var put = PutRequest(
            key: ObjectKey(type: "default", bucket: "b", key: key),
            content: Content(value: ByteBuffer(string: value)), context: context)
        put.w = w
        let reply = try await perform(.put(put))
        guard case .stored = reply else { throw UnexpectedReply(description: "put at \(name): \(reply)") }
    }

    /// The values of all siblings, in order.
    func get(_ key: String, r: Quorum? = nil) async throws -> [String] {
        var get = GetRequest(key: ObjectKey(type: "default", bucket: "b", key: key))
        get.r = r
        switch try await perform(.get(get)) {
        case .found(let found): return found.object.siblings.map { String(buffer: $0.content.value) }.sorted()
        case .notFound: return []
        case let reply: throw UnexpectedReply(description: "get at \(name): \(reply)")
        }
    }

    func context(_ key: String) async throws -> ByteBuffer? {
        let reply = try await perform(.get(GetRequest(key: ObjectKey(type: "default", bucket: "b", key: key))))
        guard case .found(let found) = reply else { return nil }
        return found.context
    }
}

struct UnexpectedReply: Error, CustomStringConvertible {
    let description: String
}

private let givenPorts = Mutex<Set<Int>>([])

/// Ports that nothing listens at now, below those that the system gives to outgoing connections. None is given twice:
/// tests run side by side.
func freePorts(_ count: Int) throws -> [Int] {
    var ports: [Int] = []
    for port in (20_000..<32_000).shuffled() where ports.count < count {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: port)
        guard address.withSockAddr({ bind(descriptor, $0, socklen_t($1)) == 0 }) else { continue }
        if givenPorts.withLock({ $0.insert(port).inserted }) { ports.append(port) }
    }
    guard ports.count == count else { throw UnexpectedReply(description: "only \(ports.count) free ports") }
    return ports
}
