import Logging
import NIOConcurrencyHelpers
import NIOCore
import Node
import Placement

/// Drives one ``StorageNode`` on one event loop: hands it events with their time, and carries out every effect, in
/// order.
///
/// Everything happens on `loop`, but for what says otherwise. Nothing here is shared by drivers: a process may run
/// several.
final class NodeDriver: PeerReceiver, @unchecked Sendable {
    // Unchecked: `loop` is the only place where mutable state is touched; `inbox` and `reachable` are locked.

    /// What carries out the effects that leave the loop.
    struct Outside {
        let network: PeerNetwork
        /// By store index.
        let stores: [StoreRunner]
        let recordWriter: RecordWriter
    }

    private struct Submission: Sendable {
        let request: ClientRequest
        let reply: WaitingRequests.Reply
    }

    let loop: any EventLoop
    private let nodeName: String
    private let logger: Logger
    private var node: StorageNode
    private var effects = EffectQueue()
    private var outside: Outside?
    private var requests = WaitingRequests()
    /// Events that carrying out effects brought about: handled after them.
    private var deferred: [Event] = []
    private var isHandling = false
    private var batchDepth = 0
    private var now: Time
    private var tick: (at: Instant, scheduled: Scheduled<Void>)?
    private var readyWaiters: [EventLoopPromise<Void>] = []
    private var drainWaiter: EventLoopPromise<Void>?
    private var isStopped = false
    private let inbox: Inbox
    private let reachable: NIOLockedValueBox<Set<MemberID>>

    private typealias Inbox = LoopInbox<Submission>

    /// - Parameter node: Not started yet.
    init(loop: any EventLoop, nodeName: String, node: consuming StorageNode, now: Time, logger: Logger) {
        self.loop = loop
        self.nodeName = nodeName
        self.logger = logger
        self.node = node
        self.now = now
        reachable = NIOLockedValueBox([])
        let relay = Relay()
        inbox = LoopInbox(loop: loop) { relay.driver?.accept($0) }
        relay.driver = self
    }

    /// The inbox is made before the driver it delivers to.
    private final class Relay: @unchecked Sendable {
        // Unchecked: set once, before the inbox is used.
        weak var driver: NodeDriver?
    }

    func start(_ outside: Outside) {
        loop.assertInEventLoop()
        self.outside = outside
        now = SystemClock.now()
        node.start(now, into: &effects)
        settle()
        schedule()
    }

    // MARK: Requests, from any thread

    /// `reply` is called once: on the loop, or here where the node has stopped.
    func submit(_ request: ClientRequest, reply: @escaping WaitingRequests.Reply) {
        if loop.inEventLoop {
            accept([Submission(request: request, reply: reply)])
        } else if !inbox.put(Submission(request: request, reply: reply)) {
            reply(.failed(.notReady))
        }
    }

    /// Members that this node has a link to, from any thread.
    var linkedMembers: Set<MemberID> { reachable.withLockedValue { $0 } }

    private func accept(_ submissions: [Submission]) {
        batch {
            for submission in submissions {
                guard !isStopped else {
                    submission.reply(.failed(.notReady))
                    continue
                }
                handle(.request(requests.insert(submission.reply), submission.request))
            }
        }
    }

    // MARK: Events

    /// Reads the clocks once for all that `body` handles, and looks after the timer behind it.
    func batch(_ body: () -> Void) {
        loop.assertInEventLoop()
        if batchDepth == 0 { now = SystemClock.now() }
        batchDepth += 1
        body()
        batchDepth -= 1
        if batchDepth == 0 { finishBatch() }
    }

    /// Within ``batch(_:)``.
    private func handle(_ event: Event) {
        guard !isHandling else {
            deferred.append(event)
            return
        }
        node.handle(event, at: now, into: &effects)
        settle()
    }

    /// Carries out effects until there are none, and no events that they brought about.
    private func settle() {
        isHandling = true
        effects.drain { carryOut($0) }
        while !deferred.isEmpty {
            let events = deferred
            deferred.removeAll(keepingCapacity: true)
            for event in events {
                node.handle(event, at: now, into: &effects)
                effects.drain { carryOut($0) }
            }
        }
        isHandling = false
    }

    private func carryOut(_ effect: Effect) {
        guard let outside else { preconditionFailure("an effect before the start: \(effect)") }
        switch effect {
        case .send(let message, let member):
            if !outside.network.send(message, to: member) { deferred.append(.undelivered(message, to: member)) }
        case .storage(let request):
            if !outside.stores[request.store].submit(request) {
                deferred.append(.storage(.failed(request.token, .overloaded)))
            }
        case .scanHints(let scan):
            if !outside.stores[scan.store].submit(scan) { deferred.append(.storage(.failed(scan.token, .overloaded))) }
        case .trees(let request):
            if !outside.stores[request.store].submit(request) {
                deferred.append(.storage(.failed(request.token, .overloaded)))
            }
        case .persist(let record):
            outside.recordWriter.write(record)
        case .reply(let id, let reply):
            requests.take(id)?(reply)
        }
    }

    private func finishBatch() {
        if !readyWaiters.isEmpty, node.isReady {
            for waiter in readyWaiters { waiter.succeed() }
            readyWaiters.removeAll()
        }
        if let drainWaiter, isIdle {
            self.drainWaiter = nil
            drainWaiter.succeed()
        }
        schedule()
    }

    // MARK: Time

    private func schedule() {
        guard let next = node.nextDeadline, !isStopped else { return }
        if let tick {
            // An earlier one does no harm: it finds nothing due and looks again.
            if tick.at <= next { return }
            tick.scheduled.cancel()
        }
        let deadline = NIODeadline.uptimeNanoseconds(next.nanoseconds)
        let scheduled = loop.scheduleTask(deadline: deadline) { [weak self] in
            guard let self else { return }
            tick = nil
            batch { self.handle(.tick) }
        }
        tick = (next, scheduled)
    }

    // MARK: What the world tells

    func linkUp(_ member: MemberID) {
        reachable.withLockedValue { _ = $0.insert(member) }
        handle(.linkUp(member))
    }

    func linkDown(_ member: MemberID) {
        reachable.withLockedValue { _ = $0.remove(member) }
        handle(.linkDown(member))
    }

    func received(_ message: Message, from member: MemberID) {
        guard case .startConflict(let known) = message else { return handle(.message(message, from: member)) }
        // One that tells nothing new is ignored.
        let before = node.statistics.startConflicts
        handle(.message(message, from: member))
        if node.statistics.startConflicts > before { reportConflict(known, member) }
    }

    private func reportConflict(_ known: StartRecord, _ member: MemberID) {
        logger.warning(
            "a member knows a later start of this node than its data: it runs on an old copy, as a new incarnation",
            metadata: [
                "told-by": "\(member)", "known-start": "\(known.number)", "start": "\(node.record.start.number)",
                "incarnation": "\(String(node.record.start.incarnation, radix: 16))",
            ])
    }

    func completed(_ completions: [StorageCompletion]) {
        batch {
            for completion in completions { handle(.storage(completion)) }
        }
    }

    func persisted(revision: UInt64) {
        batch { handle(.persisted(revision: revision)) }
    }

    // MARK: Beginning and end

    /// Done when the node may mint versions.
    func ready() -> EventLoopFuture<Void> {
        loop.flatSubmit { [self] in
            if node.isReady { return loop.makeSucceededVoidFuture() }
            guard !isStopped else { return loop.makeFailedFuture(NodeStopped()) }
            let promise = loop.makePromise(of: Void.self)
            readyWaiters.append(promise)
            return promise.futureResult
        }
    }

    /// No request is under way, of own clients or of other nodes'.
    private var isIdle: Bool { requests.count == 0 && node.requestsInFlight == 0 }

    /// Takes no more writes that other nodes forward; done when no request is under way any more.
    func drained() -> EventLoopFuture<Void> {
        loop.flatSubmit { [self] in
            node.drain()
            if isIdle { return loop.makeSucceededVoidFuture() }
            let promise = drainWaiter ?? loop.makePromise(of: Void.self)
            drainWaiter = promise
            return promise.futureResult
        }
    }

    /// Takes no more requests, and answers those that wait: what became of a write, nobody knows yet.
    func stop() {
        loop.assertInEventLoop()
        guard !isStopped else { return }
        isStopped = true
        inbox.close()
        tick?.scheduled.cancel()
        tick = nil
        for reply in requests.takeAll() { reply(.failed(.coordinatorLost(nodeName))) }
        for waiter in readyWaiters { waiter.fail(NodeStopped()) }
        readyWaiters.removeAll()
        drainWaiter?.succeed()
        drainWaiter = nil
    }

    /// What holds the threads and links, and through them this driver, is let go.
    func detach() {
        loop.assertInEventLoop()
        precondition(isStopped, "the driver is detached before it is stopped")
        outside = nil
    }

    // MARK: Looking in

    struct Figures: Sendable {
        let record: NodeRecord
        let isReady: Bool
        let isConfirmed: Bool
        let isStopping: Bool
        let isStopped: Bool
        let linked: [MemberID]
        let peers: [PeerView]
        let requestsInFlight: Int
        let replicaOperations: Int
        let hintOperations: Int
        let statistics: NodeStatistics
        let droppedMessages: Int
        let traffic: PeerNetwork.Traffic
    }

    func figures() -> EventLoopFuture<Figures> {
        loop.submit { [self] in
            Figures(
                record: node.record, isReady: node.isReady && !isStopped, isConfirmed: node.isConfirmed,
                isStopping: node.isStopping, isStopped: isStopped, linked: node.linkedMembers, peers: node.peerViews,
                requestsInFlight: node.requestsInFlight, replicaOperations: node.kept.replicaOperations,
                hintOperations: node.kept.hintOperations, statistics: node.statistics,
                droppedMessages: outside?.network.droppedMessages ?? 0,
                traffic: outside?.network.traffic ?? PeerNetwork.Traffic())
        }
    }
}

/// The node stopped before it was ready.
struct NodeStopped: Error, CustomStringConvertible {
    var description: String { "the node has stopped" }
}
