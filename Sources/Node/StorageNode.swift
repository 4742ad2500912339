public import Placement
import Versions

/// One node of the ring as a state machine (Dynamo §5): events in, effects out. It has no thread, clock, socket, disk
/// or random source; the server and the simulator drive the same code.
///
/// The driver hands in one event at a time with its time, then carries out every effect of the queue in order, and
/// hands in ``Event/tick`` when ``nextDeadline`` has come. It starts with ``start(_:into:)``.
public struct StorageNode: ~Copyable {
    let settings: NodeSettings
    let me: MemberID
    var peers: PeerTable
    var keeper: RecordKeeper
    var starts: StartRegistry
    var clock: HybridClock
    /// The clock's ceiling that is being made durable.
    var reservation: (revision: UInt64, ceiling: HybridTime)?
    /// When to look whether the clock needs another reservation, if nothing happens until then. Else the first write
    /// of a node that was idle for a while would bear the time of its last reservation.
    private var nextClockLook: Instant?
    var gets: RequestTable<GetCoordination>
    var puts: RequestTable<PutCoordination>
    /// Of ``puts``: those that are answered.
    var answeredPuts = 0
    var forwards: RequestTable<ForwardedRequest>
    var replicaOperations: RequestTable<ReplicaOperation>
    var hintOperations: RequestTable<HintOperation>
    /// By member index.
    var hintDeliveries: [HintDelivery]
    var treeWork: RequestTable<TreeWork>
    /// When to look at a piece of ``treeWork`` again.
    var treeDeadlines = DeadlineQueue()
    /// Of ``treeWork``: comparisons of single trees.
    var treeExchanges = 0
    /// Of ``treeWork``: keys that are being repaired, and the comparisons that wait for their turn to repair theirs.
    var treeRepairs = 0
    var treeRepairQueue: [Correlation] = []
    var treeEngagements = TreeEngagements()
    /// By member index.
    var treeRounds: [TreeRound]
    /// By store.
    var treeBuildings: [TreeBuilding]
    /// By store: ``BucketTypes/replicasHash(inStore:)``.
    let treeTypes: [UInt64]
    var deadlines = DeadlineQueue()
    /// By member index: numbers of what was forwarded to it, and what it forwarded here.
    var forwardSequences: [UInt64]
    var forwardWindows: [ForwardWindow]
    /// Soon gone: it coordinates no more writes of others.
    var isDraining = false
    public internal(set) var statistics = NodeStatistics()

    /// - Parameters:
    ///   - record: As ``NodeRecord/started(stoppedCleanly:random:)`` made it, already durable.
    ///   - continuesIncarnation: Whether its incarnation is that of the start before.
    public init(
        settings: NodeSettings, record: NodeRecord, continuesIncarnation: Bool, now: Time
    ) {
        self.settings = settings
        me = record.member
        peers = PeerTable(members: settings.map.members.map(\.id), me: record.member)
        keeper = RecordKeeper(record: record)
        starts = StartRegistry(
            continues: continuesIncarnation, others: peers.members.count - 1,
            deadline: now.monotonic.advanced(byMilliseconds: settings.startConfirmationMilliseconds))
        clock = HybridClock(ceiling: record.clockCeiling)
        let seed = record.start.session
        gets = RequestTable(kind: .get, seed: seed)
        puts = RequestTable(kind: .put, seed: seed)
        forwards = RequestTable(kind: .forward, seed: seed)
        replicaOperations = RequestTable(kind: .replica, seed: seed)
        hintOperations = RequestTable(kind: .hint, seed: seed)
        treeWork = RequestTable(kind: .tree, seed: seed)
        treeRounds = peers.members.map { _ in
            TreeRound(now.monotonic, milliseconds: settings.treeRoundMilliseconds)
        }
        treeTypes = settings.bucketTypes.storeNames.indices.map { settings.bucketTypes.replicasHash(inStore: $0) }
        treeBuildings = settings.bucketTypes.storeNames.map { _ in
            TreeBuilding(now.monotonic, rereadMilliseconds: settings.rereadMilliseconds)
        }
        hintDeliveries = peers.members.map { _ in HintDelivery() }
        forwardSequences = peers.members.map { _ in 0 }
        forwardWindows = peers.members.map { _ in ForwardWindow() }
    }

    public mutating func start(_ now: Time, into queue: inout EffectQueue) {
        starts.onStart(keeper: &keeper, into: &queue)
        reserveClock(now, into: &queue)
    }

    /// The node is about to stop: it passes over what other nodes forward, and finishes what is under way.
    public mutating func drain() {
        isDraining = true
    }

    /// Whether this node may mint versions: its start is confirmed, and stamps are reserved.
    public var isReady: Bool { starts.isReady && clock.issued < clock.ceiling }

    /// When the next ``Event/tick`` is due.
    public var nextDeadline: Instant? {
        [deadlines.next, starts.nextDeadline, nextClockLook, peers.nextDeadline, nextHintLook, nextTreeLook].reduce(
            nil
        ) { earliest, next in
            guard let earliest, let next else { return earliest ?? next }
            return min(earliest, next)
        }
    }

    /// As it was last handed out to be made durable.
    public var record: NodeRecord { keeper.record }
    /// Without puts that are answered and kept for a little.
    public var requestsInFlight: Int { gets.count + puts.count - answeredPuts + forwards.count }
    public var linkedMembers: [MemberID] { peers.linkedMembers }
    /// What is kept of requests, for its bounds to be held against. A deadline outlives its request by a little.
    package var kept: (requests: Int, replicaOperations: Int, hintOperations: Int, deadlines: Int) {
        (gets.count + puts.count + forwards.count, replicaOperations.count, hintOperations.count, deadlines.count)
    }
    /// Pieces of work about trees; there is some at any time.
    package var keptTreeWork: Int { treeWork.count }

    public mutating func handle(_ event: Event, at now: Time, into queue: inout EffectQueue) {
        switch event {
        case .request(let id, let request): onRequest(id, request, now, &queue)
        case .message(let message, let sender): onMessage(message, from: sender, now, &queue)
        case .storage(let completion): onStorage(completion, now, &queue)
        case .persisted(let revision): onPersisted(revision, &queue)
        case .linkUp(let peer): onLinkUp(peer, now, &queue)
        case .linkDown(let peer): onLinkDown(peer, now, &queue)
        case .undelivered(let message, let member): onUndelivered(message, to: member, now, &queue)
        case .tick: onTick(now, &queue)
        }
        reserveClock(now, into: &queue)
    }

    private mutating func onMessage(
        _ message: Message, from sender: MemberID, _ now: Time, _ queue: inout EffectQueue
    ) {
        guard sender != me, let index = peers.index(of: sender) else { return }
        if message.isAnswer, peers.onHeard(sender, now.monotonic) { onPeerUp(index, now) }
        switch message {
        case .probe: queue.emit(.send(.probed, to: sender))
        case .probed: break
        case .startAnnounced(let start): starts.onAnnounced(start, by: sender, keeper: &keeper, into: &queue)
        case .startConfirmed(let start): starts.onConfirmed(start, by: sender, keeper: &keeper, into: &queue)
        case .startConflict(let known): onStartConflict(known, &queue)
        case .fetch(let fetch): onFetch(fetch, from: sender, &queue)
        case .fetched(let fetched): onFetched(fetched, from: sender, now, &queue)
        case .replicate(let replicate): onReplicate(replicate, from: sender, now, &queue)
        case .replicated(let replicated): onReplicated(replicated, from: sender, now, &queue)
        case .forward(let forward): onForward(forward, from: sender, now, &queue)
        case .forwarded(let forwarded): onForwarded(forwarded, from: sender, now, &queue)
        case .askTrees(let inquiry): onTreeInquiry(inquiry, from: sender, now, &queue)
        case .treesAnswered(let report): onTreesAnswered(report, from: sender, now, &queue)
        }
    }

    private mutating func onStorage(_ completion: StorageCompletion, _ now: Time, _ queue: inout EffectQueue) {
        switch RequestKind(of: completion.token.rawValue) {
        case .get: onOwnCopyRead(completion, now, &queue)
        case .put: onOwnCopyWritten(completion, now, &queue)
        case .replica: onReplicaOperation(completion, now, &queue)
        case .hint: onHintOperation(completion, now, &queue)
        case .tree: onTreeCompletion(completion, now, &queue)
        case .forward, nil: break
        }
    }

    private mutating func onStartConflict(_ known: StartRecord, _ queue: inout EffectQueue) {
        starts.onConflict(known, keeper: &keeper, into: &queue)
        statistics.startConflicts = starts.conflicts
    }

    private mutating func onPersisted(_ revision: UInt64, _ queue: inout EffectQueue) {
        keeper.onPersisted(revision: revision)
        if let reservation, reservation.revision <= revision {
            clock.reserved(reservation.ceiling)
            self.reservation = nil
        }
        starts.onPersisted(keeper: keeper, linked: peers.linkedMembers, into: &queue)
    }

    private mutating func onPeerUp(_ index: Int, _ now: Time) {
        hintDeliveries[index].onUp()
        treeRounds[index].onUp(now.monotonic, milliseconds: settings.treeSettleMilliseconds)
    }

    private mutating func onLinkUp(_ peer: MemberID, _ now: Time, _ queue: inout EffectQueue) {
        peers.setLinked(true, peer)
        if let index = peers.index(of: peer) { onPeerUp(index, now) }
        starts.onLinkUp(peer, keeper: keeper, into: &queue)
    }

    private mutating func onLinkDown(_ peer: MemberID, _ now: Time, _ queue: inout EffectQueue) {
        peers.setLinked(false, peer)
        goOn(without: peer, now, &queue)
    }

    /// Everything that waits for the peer goes on without it at once.
    private mutating func goOn(without peer: MemberID, _ now: Time, _ queue: inout EffectQueue) {
        for correlation in gets.identifiers(where: { $0.waits(for: peer) }) {
            onAnswer(correlation, from: peer, .failure(.linkLost), now, &queue)
        }
        for correlation in puts.identifiers(where: { $0.waits(for: peer) }) {
            onReplicated(Replicated(correlation: correlation, result: .failure(.linkLost)), from: peer, now, &queue)
        }
        onHintPeerDown(peer, now)
        onTreePeerDown(peer, now, &queue)
        for correlation in forwards.identifiers(where: { $0.coordinator == peer }) {
            let lost = RequestFailure.coordinatorLost(settings.map.member(peer)?.name ?? "\(peer)")
            onForwarded(Forwarded(correlation: correlation, reply: .failed(lost)), from: peer, now, &queue)
        }
    }

    private mutating func onTick(_ now: Time, _ queue: inout EffectQueue) {
        starts.onTick(now.monotonic, keeper: &keeper, into: &queue)
        for (member, wentDown) in peers.onTick(now.monotonic) {
            queue.emit(.send(.probe, to: member))
            if wentDown { goOn(without: member, now, &queue) }
        }
        lookAfterHints(now, &queue)
        lookAfterTrees(now, &queue)
        while let correlation = deadlines.pop(due: now.monotonic) {
            switch RequestKind(of: correlation) {
            case .get: onGetDeadline(correlation, now, &queue)
            case .put: onPutDeadline(correlation, now, &queue)
            case .forward: onForwardDeadline(correlation, now, &queue)
            case .replica, .hint, .tree, nil: break
            }
        }
    }

    private mutating func reserveClock(_ now: Time, into queue: inout EffectQueue) {
        guard reservation == nil else { return }
        if let ceiling = clock.reservationNeeded(wall: now.wall) {
            let revision = keeper.change(&queue) { $0.clockCeiling = ceiling }
            reservation = (revision, ceiling)
            nextClockLook = nil
        } else if nextClockLook.map({ $0 <= now.monotonic }) ?? true {
            // The wall clock may jump: it is not left alone for long.
            let rest = min(clock.millisecondsToReservation(wall: now.wall), clock.window / 2)
            nextClockLook = now.monotonic.advanced(byMilliseconds: Int(rest))
        }
    }

    /// Sends what the member has to answer: whether it does tells how it is.
    mutating func ask(_ message: Message, of member: MemberID, _ now: Time, _ queue: inout EffectQueue) {
        peers.onAsked(member, now.monotonic)
        queue.emit(.send(message, to: member))
    }

    /// Tells whoever asked for a write.
    func answer(_ origin: RequestOrigin, _ reply: ClientReply, _ queue: inout EffectQueue) {
        switch origin {
        case .client(let write): queue.emit(.reply(write.id, reply))
        case .peer(let member, let correlation):
            queue.emit(.send(.forwarded(Forwarded(correlation: correlation, reply: reply)), to: member))
        }
    }

    mutating func fail(_ origin: RequestOrigin, _ failure: RequestFailure, _ queue: inout EffectQueue) {
        statistics.count(failure)
        answer(origin, .failed(failure), &queue)
    }

    mutating func fail(_ id: RequestID, _ failure: RequestFailure, _ queue: inout EffectQueue) {
        statistics.count(failure)
        queue.emit(.reply(id, .failed(failure)))
    }
}
