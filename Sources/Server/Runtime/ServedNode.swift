public import CoreMetrics
public import NIOCore
import NIOPosix
public import Node
public import Placement
import Storage

/// The node as the doors see it, from any thread.
public final class ServedNode: NodeService {
    private let driver: NodeDriver
    private let stores: [StoreRunner]
    private let founding: Founding
    private let map: ClusterMap
    private let bucketTypes: BucketTypes
    private let nodeName: String
    private let members: [PeerAddress]
    private let started = NIODeadline.now()
    private let recorded: PrometheusFactory
    private let watch: RequestWatch
    private let storeFigures: StoreFigures

    init(
        driver: NodeDriver, stores: [StoreRunner], founding: Founding, map: ClusterMap, bucketTypes: BucketTypes,
        nodeName: String, members: [PeerAddress], slow: SlowRequestLog
    ) {
        self.driver = driver
        self.stores = stores
        self.founding = founding
        self.map = map
        self.bucketTypes = bucketTypes
        self.nodeName = nodeName
        self.members = members
        recorded = PrometheusFactory(
            describing: [.requestDuration, .requestFailures, .httpConnections], bounds: RequestWatch.bounds)
        watch = RequestWatch(recorded, slow: slow)
        storeFigures = StoreFigures(of: stores, loop: driver.loop)
    }

    public func perform(_ request: ClientRequest) async -> ClientReply {
        await withCheckedContinuation { continuation in
            perform(request) { continuation.resume(returning: $0) }
        }
    }

    /// The same without a task for each request. `reply` is called once: on the node's event loop, or here where the
    /// node has stopped.
    public func perform(_ request: ClientRequest, reply: @escaping @Sendable (ClientReply) -> Void) {
        driver.submit(request, reply: watch.watch(request, reply))
    }

    public func location(of key: ObjectKey) throws(RequestFailure) -> ObjectLocation {
        guard let type = bucketTypes.all.first(where: { ByteBuffer(string: $0.name) == key.type }) else {
            throw .unknownBucketType(String(buffer: key.type))
        }
        let hash = key.hash128
        let partition = map.partitioning.partition(of: hash)
        let linked = driver.linkedMembers
        var places: [ObjectLocation.Place] = []
        for id in map.preferenceList(for: partition, n: type.n) {
            guard let member = map.member(id) else { continue }
            let slot = map.slot(of: id, in: partition).flatMap { $0 < type.n ? $0 : nil }
            places.append(
                ObjectLocation.Place(
                    node: member.name, address: address(of: id), zone: member.zone, slot: slot,
                    reachable: member.name == nodeName || linked.contains(id)))
        }
        return ObjectLocation(
            hash: "\(hash)", partition: partition, partitions: map.partitioning.count,
            n: map.holderCount(of: partition, n: type.n), preferenceList: places)
    }

    public func status() async -> NodeStatus {
        let stores = stores
        // Counting what an engine holds may take a while: not on the event loop, nor in a task.
        let storeStatus = try? await NIOThreadPool.singleton.runIfActive { stores.map { $0.status() } }
        let figures = try? await driver.figures().get()
        return NodeStatus(
            node: nodeName, member: figures.map { "\($0.record.member)" } ?? "",
            incarnation: figures.map { String($0.record.start.incarnation, radix: 16) } ?? "",
            start: figures?.record.start.number ?? 0, ready: figures?.isReady ?? false, cluster: founding.name,
            clusterID: "\(founding.clusterID)", partitions: map.partitioning.count, n: map.replicas,
            replicas: map.table.replicas, peers: peers(figures?.peers ?? []), stores: storeStatus ?? [],
            hints: hints, bucketTypes: bucketTypes.all.map(\.name),
            uptimeSeconds: Int((NIODeadline.now() - started).nanoseconds / 1_000_000_000),
            requestsInFlight: figures?.requestsInFlight ?? 0, counters: figures.map(counters) ?? [:],
            versionsReturned: figures?.statistics.versionsReturned ?? [])
    }

    var memberCount: Int { members.count }

    private func address(of id: MemberID) -> String {
        members.first { $0.id == id }.map { "\($0.address)" } ?? ""
    }

    /// All members, this node among them.
    private func peers(_ views: [PeerView]) -> [NodeStatus.Peer] {
        let views = Dictionary(uniqueKeysWithValues: views.map { ($0.member, $0) })
        return map.members.map { member in
            let isSelf = member.name == nodeName
            return NodeStatus.Peer(
                name: member.name, member: "\(member.id)", address: address(of: member.id), zone: member.zone,
                weight: member.weight, linked: isSelf || views[member.id]?.isLinked ?? false,
                state: "\(isSelf ? .up : views[member.id]?.condition ?? .down)",
                partitions: map.table.partitions(of: member.id).count)
        }
    }

    private var hints: NodeStatus.Hints {
        stores.map(\.pulse.statistics).reduce(into: NodeStatus.Hints(count: 0, bytes: 0)) { hints, statistics in
            hints.count += statistics.hints
            hints.bytes += statistics.hintBytes
        }
    }

    private func counters(_ figures: NodeDriver.Figures) -> [String: Int] {
        let statistics = figures.statistics
        return [
            "gets": statistics.gets, "puts": statistics.puts, "deletes": statistics.deletes,
            "refused": statistics.refused, "unavailable": statistics.unavailable,
            "outcomes_unknown": statistics.outcomesUnknown, "forwards": statistics.forwards,
            "repeated_forwards": statistics.repeatedForwards, "coordinators_passed_over": statistics.passedOver,
            "hedges": statistics.hedges,
            "hints_kept": statistics.hintsKept, "hints_delivered": statistics.hintsDelivered,
            "stand_in_writes": statistics.standInMints,
            "read_repairs": statistics.readRepairs, "stamps_refused": statistics.stampsRefused,
            "truncated_entries": stores.reduce(0) { $0 + $1.truncatedEntries },
            "start_conflicts": statistics.startConflicts,
            "dropped_messages": figures.droppedMessages,
            "trees_different": statistics.treesDifferent, "keys_pulled": statistics.keysPulled,
            "keys_pushed": statistics.keysPushed,
            "trees_due": stores.reduce(0) { $0 + $1.pulse.statistics.treesDue },
            "link_bytes_sent": figures.traffic.sentBytes, "link_bytes_received": figures.traffic.receivedBytes,
        ]
    }
}

/// For whoever watches the node.
extension ServedNode {
    public var meters: any MetricsFactory { recorded }

    public func metrics() async -> ByteBuffer {
        let figures = try? await driver.figures().get()
        let engines = try? await storeFigures.read().get()
        let pulses = stores.map(\.pulse)
        return NodeReadings(
            identity: NodeReadings.Identity(
                node: nodeName, cluster: founding.name, clusterID: "\(founding.clusterID)",
                names: Dictionary(uniqueKeysWithValues: map.members.map { ($0.id, $0.name) })),
            figures: figures, isReady: lacking(figures, pulses).isEmpty,
            stores: pulses.enumerated().map { index, pulse in (pulse, engines?[index]) },
            process: ProcessFigures.read(), recorded: recorded
        ).exposition.text()
    }

    public func isAlive() async -> Bool {
        (try? await driver.loop.submit {}.get()) != nil
    }

    public func lacking() async -> [String] {
        lacking(try? await driver.figures().get(), stores.map(\.pulse))
    }

    private func lacking(_ figures: NodeDriver.Figures?, _ pulses: [StorePulse]) -> [String] {
        Readiness.lacking(
            figures, stores: pulses.filter { $0.name != DataFolder.hints }, bucketTypes: bucketTypes.all,
            replicas: map.table.replicas)
    }
}
