import NIOCore
import Node
import Placement
import Versions

/// One `StorageNode` as a plain state machine: the test hands events in and looks at the effects. Its record is made
/// durable at once, unless the test wants to do that itself.
final class NodeHarness {
    struct Effects {
        var sent: [(message: Message, to: MemberID)] = []
        var storage: [StorageRequest] = []
        var replies: [(id: UInt64, reply: ClientReply)] = []
        var records: [NodeRecord] = []
        var scans: [HintScan] = []
        var trees: [TreeRequest] = []
    }

    static let contextKey = ContextKey(1, 2)

    private var machine: StorageNode
    private var queue = EffectQueue()
    /// Node indices to members, the node itself first.
    let members: [MemberID]
    let map: ClusterMap
    var milliseconds: UInt64 = 0
    var persistsAtOnce = true
    private var lastRequest: UInt64 = 0

    var me: MemberID { members[0] }
    var isReady: Bool { machine.isReady }
    var nextDeadline: Instant? { machine.nextDeadline }
    var record: NodeRecord { machine.record }
    var requestsInFlight: Int { machine.requestsInFlight }
    var statistics: NodeStatistics { machine.statistics }

    /// - Parameter links: How many of the others are linked at the start; nil: all.
    init(
        members count: Int = 3, n: Int = 3, types: [BucketType]? = nil, record: NodeRecord? = nil,
        continuesIncarnation: Bool = false, links: Int? = nil, change: (inout NodeSettings) -> Void = { _ in }
    ) throws {
        let map = try Self.map(members: count, n: n)
        self.map = map
        let ids = map.members.map(\.id)
        members = ids
        let types = try BucketTypes(types ?? [BucketType(name: "default", store: "main", n: n)], stores: ["main"])
        var settings = NodeSettings(map: map, bucketTypes: types, hintStore: 1, contextKey: Self.contextKey)
        // Nobody answers about trees, where a test does not say so.
        settings.treeRoundMilliseconds = 1 << 40
        settings.treeSettleMilliseconds = 1 << 40
        change(&settings)
        machine = StorageNode(
            settings: settings,
            record: record ?? NodeRecord(member: ids[0]).started(stoppedCleanly: false, random: 77),
            continuesIncarnation: continuesIncarnation, now: Self.time(0))
        machine.start(now, into: &queue)
        _ = drain()
        for peer in ids.dropFirst().prefix(links ?? count) {
            link(peer)
        }
    }

    static func map(members count: Int, n: Int) throws -> ClusterMap {
        let members = try (0..<count).map { number in
            try Member(id: MemberID(rawValue: UInt64(number + 1)), name: "node-\(number)", zone: "z\(number)")
        }
        let partitioning = try Partitioning(count: 16)
        let target = EqualPartitionsStrategy().target(
            members: members, partitioning: partitioning, replicas: n, previous: nil)
        return ClusterMap(partitioning: partitioning, table: target.table, replicas: n)
    }

    /// The link comes up, and the peer says how it started.
    func link(_ peer: MemberID, session: UInt64? = nil) {
        handle(.linkUp(peer))
        let start = StartRecord(number: 1, session: session ?? Self.session(of: peer), incarnation: 1 << 32)
        handle(.message(.startAnnounced(start), from: peer))
    }

    static func session(of peer: MemberID) -> UInt64 { 1000 + peer.rawValue }

    static func time(_ milliseconds: UInt64) -> Time {
        Time(monotonic: Instant(nanoseconds: milliseconds * 1_000_000), wall: 1_700_000_000_000 + milliseconds)
    }

    var now: Time { Self.time(milliseconds) }

    func drainRequests() {
        machine.drain()
    }

    @discardableResult
    func handle(_ event: Event) -> Effects {
        machine.handle(event, at: now, into: &queue)
        return drain()
    }

    /// Lets time pass and ticks whenever the machine wants to be.
    @discardableResult
    func pass(milliseconds passing: UInt64) -> Effects {
        let end = milliseconds + passing
        var all = Effects()
        while let next = machine.nextDeadline, next.nanoseconds <= end * 1_000_000 {
            milliseconds = max(milliseconds, (next.nanoseconds + 999_999) / 1_000_000)
            all.append(handle(.tick))
        }
        milliseconds = end
        return all
    }

    private func drain() -> Effects {
        var effects = Effects()
        queue.drain { effect in
            switch effect {
            case .send(let message, let member): effects.sent.append((message, member))
            case .storage(let request): effects.storage.append(request)
            case .scanHints(let scan): effects.scans.append(scan)
            case .trees(let request): effects.trees.append(request)
            case .persist(let record): effects.records.append(record)
            case .reply(let id, let reply): effects.replies.append((id.rawValue, reply))
            }
        }
        if persistsAtOnce, let revision = effects.records.last?.revision {
            effects.append(handle(.persisted(revision: revision)))
        }
        return effects
    }

    // MARK: Requests

    @discardableResult
    func request(_ request: ClientRequest) -> Effects {
        lastRequest += 1
        return handle(.request(RequestID(rawValue: lastRequest), request))
    }

    /// A key whose first holders, in slot order, satisfy `predicate`.
    func key(type: String = "default", n: Int = 3, where predicate: ([MemberID]) -> Bool) throws -> ObjectKey {
        for number in 0..<10_000 {
            let key = ObjectKey(type: type, bucket: "b", key: "k\(number)")
            if predicate(Array(map.holders(of: map.partition(of: key), n: n))) { return key }
        }
        throw NoSuchKey()
    }

    struct NoSuchKey: Error {}

    /// A key that this node holds.
    func ownKey() throws -> ObjectKey { try key { $0.contains(me) } }

    // MARK: Objects

    /// A version written by a node that has seen nothing.
    static func object(_ value: String, node: UInt64 = 9, birth: UInt64 = 0, at milliseconds: UInt64 = 0) throws
        -> VersionedObject
    {
        let mint = Mint(
            content: Content(value: ByteBuffer(string: value)), context: nil,
            now: HybridTime(milliseconds: 1_700_000_000_000 + milliseconds), policy: .siblings)
        return try mint.minted(onto: nil, actor: Actor(node: node, incarnation: 1, birth: birth)).object
    }

    static func sealed(_ object: VersionedObject, fastest: UInt64? = nil, for key: ObjectKey) -> ByteBuffer {
        object.context(fastest: fastest).sealed(with: contextKey, boundTo: key.canonicalBytes)
    }

    /// What the node's own store makes of a mint that the node asked for.
    static func minted(_ request: StorageRequest, onto stored: VersionedObject? = nil) throws -> VersionedObject {
        guard case .mint(let mint, let minter, _) = request.operation else { throw NotAMint() }
        let actor = Actor(node: minter.node, incarnation: minter.incarnation, birth: 5)
        return try mint.minted(onto: stored, actor: actor).object
    }

    struct NotAMint: Error {}
}

extension NodeHarness.Effects {
    mutating func append(_ other: NodeHarness.Effects) {
        sent += other.sent
        storage += other.storage
        replies += other.replies
        records += other.records
        scans += other.scans
        trees += other.trees
    }

    var fetches: [(fetch: Fetch, to: MemberID)] {
        sent.compactMap { if case .fetch(let fetch) = $0.message { (fetch, $0.to) } else { nil } }
    }

    var replicates: [(replicate: Replicate, to: MemberID)] {
        sent.compactMap { if case .replicate(let replicate) = $0.message { (replicate, $0.to) } else { nil } }
    }

    var probes: [MemberID] {
        sent.compactMap { if case .probe = $0.message { $0.to } else { nil } }
    }

    var forwards: [(forward: Forward, to: MemberID)] {
        sent.compactMap { if case .forward(let forward) = $0.message { (forward, $0.to) } else { nil } }
    }

    /// The failure of the one reply; nil where there is none, or another.
    var failure: RequestFailure? {
        guard replies.count == 1, case .failed(let failure) = replies[0].reply else { return nil }
        return failure
    }

    var found: FoundObject? {
        guard replies.count == 1, case .found(let found) = replies[0].reply else { return nil }
        return found
    }

    var isNotFound: Bool {
        guard replies.count == 1, case .notFound = replies[0].reply else { return false }
        return true
    }

    var isStored: Bool {
        guard replies.count == 1, case .stored = replies[0].reply else { return false }
        return true
    }

    var isDeleted: Bool {
        guard replies.count == 1, case .deleted = replies[0].reply else { return false }
        return true
    }
}

/// A put of something, with whatever options.
func put(_ key: ObjectKey, _ change: (inout PutRequest) -> Void = { _ in }) -> ClientRequest {
    var request = PutRequest(key: key, content: Content(value: ByteBuffer(string: "v")))
    change(&request)
    return .put(request)
}
