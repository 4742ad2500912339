import Logging
import NIOCore
import NIOPosix
import Node
import Placement

/// The links to all other members: one multiplexed connection a pair. Everything here is on one event loop.
///
/// Of two members the lower one dials, and the higher one too after it has waited in vain, so that a pair is linked if
/// one of them can reach the other. Where both dial, one rule decides: the lower member keeps a connection that it
/// dialed itself, to the same start of the other; in any other case the newer connection takes the place of the older.
final class PeerNetwork: @unchecked Sendable {
    // Unchecked: `loop` is the only place where anything here is touched, but for what never changes.
    let loop: any EventLoop
    unowned let receiver: any PeerReceiver
    private let identity: PeerIdentity
    private let settings: PeerSettings
    private let logger: Logger
    private var peers: [MemberID: Peer] = [:]
    /// Connections that have not said who they are.
    private var strangers: [ObjectIdentifier: PeerLink] = [:]
    private var listener: PeerListener?
    private var isStopped = false
    /// Links that have something to send, and those that are being flushed: two arrays that change places.
    private var dirty: [PeerLink] = []
    private var flushing: [PeerLink] = []
    private var strangerLines = LineLimiter(lines: 10, span: .seconds(10))
    private var unlinkedDrops = 0
    /// For those who wait until each member was tried.
    private var allTried: EventLoopPromise<Void>?

    init(
        loop: any EventLoop, identity: PeerIdentity, members: [PeerAddress], settings: PeerSettings,
        receiver: any PeerReceiver, logger: Logger
    ) {
        self.loop = loop
        self.identity = identity
        self.settings = settings
        self.receiver = receiver
        self.logger = logger
        for member in members where member.id != identity.member { peers[member.id] = Peer(member) }
    }

    // MARK: Sending

    /// - Returns: False where the message was dropped: the member has no link, or takes in too little.
    func send(_ message: Message, to member: MemberID) -> Bool {
        guard let link = peers[member]?.link else {
            unlinkedDrops += 1
            return false
        }
        return link.send(message)
    }

    /// All links that have something to send are flushed once, at the end of this tick: frames for a peer come from
    /// many channels.
    func flushLater(_ link: PeerLink) {
        dirty.append(link)
        guard dirty.count == 1 else { return }
        loop.execute { [self] in
            // A flush may find its connection gone, and that lets the node send to others: those are the next round's.
            swap(&dirty, &flushing)
            for link in flushing { link.flush() }
            flushing.removeAll(keepingCapacity: true)
        }
    }

    /// What went over all links so far.
    struct Traffic: Sendable {
        var sentBytes = 0
        var receivedBytes = 0
    }

    var traffic = Traffic()

    /// Messages that were dropped because a link was full or not there.
    var droppedMessages: Int {
        peers.values.reduce(unlinkedDrops) { $0 + $1.droppedMessages + ($1.link?.droppedMessages ?? 0) }
    }

    // MARK: Beginning and end

    /// Accepts, and dials.
    func start(_ listener: PeerListener) {
        loop.assertInEventLoop()
        self.listener = listener
        listener.open(to: self)
        for peer in peers.values.sorted(by: { $0.id < $1.id }) { dialLater(peer) }
    }

    /// Done when each other member is linked or could not be reached at the first attempt, and in any case after
    /// `limit`: a node that takes requests earlier would call members unreachable that it has not yet sought.
    func tried(within limit: TimeAmount) -> EventLoopFuture<Void> {
        loop.flatSubmit { [self] in
            let promise = allTried ?? loop.makePromise(of: Void.self)
            allTried = promise
            let timer = loop.scheduleTask(in: limit) { promise.succeed() }
            promise.futureResult.whenComplete { _ in timer.cancel() }
            endTrialIfDone()
            return promise.futureResult
        }
    }

    private func endTrialIfDone() {
        if isStopped || peers.values.allSatisfy(\.isTried) { allTried?.succeed() }
    }

    /// Closes the listener and all connections; done when the last is closed.
    func stop() -> EventLoopFuture<Void> {
        loop.flatSubmit { [self] in
            isStopped = true
            endTrialIfDone()
            var closing = listener.map { [$0.close()] } ?? []
            for link in strangers.values + peers.values.compactMap(\.link) + peers.values.compactMap(\.greeting) {
                if let closed = link.closeFuture { closing.append(closed) }
                link.close("this node stops")
            }
            for peer in peers.values { peer.cancelDial("this node stops") }
            return .andAllComplete(closing, on: loop)
        }
    }

    // MARK: Dialing

    private func dialLater(_ peer: Peer) {
        guard !isStopped, peer.link == nil, case .idle = peer.dial else { return }
        let isLower = identity.member < peer.id
        // The lower member's turn is first.
        let head = isLower ? 0 : 300
        let doubled = settings.firstRetryMilliseconds << min(peer.failures, 16)
        let wait = peer.failures == 0 && isLower ? 0 : min(doubled, settings.lastRetryMilliseconds)
        let jittered = wait - Int.random(in: 0...max(0, wait / 2))
        peer.dial = .waiting(
            loop.scheduleTask(in: .milliseconds(Int64(head + jittered))) { [self] in dial(peer) })
    }

    private func dial(_ peer: Peer) {
        peer.dial = .connecting
        let settings = settings
        ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(Int64(settings.connectMilliseconds)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: settings.waterMark)
            .channelOption(.maxMessagesPerRead, value: 16)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    let link = PeerLink(network: self, settings: settings, dialedTo: peer.id)
                    try channel.pipeline.syncOperations.addHandler(link)
                }
            }
            .connect(host: peer.address.host, port: peer.address.port)
            .hop(to: loop)
            .whenFailure { [self] error in
                // A connection that was made and ended again is onEnded's.
                if case .connecting = peer.dial { dialFailed(peer, ConnectionFailure.describe(error)) }
            }
    }

    private func dialFailed(_ peer: Peer, _ reason: String) {
        peer.dial = .idle
        peer.failures += 1
        peer.isTried = true
        endTrialIfDone()
        if !isStopped {
            // Members that are started together miss each other at first: that is no news.
            let isNews = peer.failures >= 5 && !peer.isReportedUnreachable
            if isNews { peer.isReportedUnreachable = true }
            logger.log(
                level: isNews ? .warning : .debug,
                "cannot reach member \(peer.name) at \(peer.address), trying on: \(reason)")
        }
        dialLater(peer)
    }

    // MARK: What links tell

    func onConnected(_ link: PeerLink) {
        guard !isStopped else { return link.close("this node stops") }
        if link.isDialed {
            guard let id = link.peer, let peer = peers[id], peer.link == nil, case .connecting = peer.dial else {
                return link.close("not needed any more")
            }
            peer.dial = .greeting(link)
            link.sendHello(
                PeerHello(
                    cluster: identity.cluster, sender: identity.member, receiver: id, session: identity.session))
        } else if strangers.count >= settings.maximumStrangers {
            report("connection from \(link.remoteAddress) closed: \(strangers.count) others have not said who they are")
            link.close("too many strangers")
        } else {
            strangers[ObjectIdentifier(link)] = link
        }
    }

    func onHello(_ link: PeerLink, _ hello: PeerHello) {
        guard let version = PeerProtocolVersions.spoken.common(with: hello.versions) else {
            let (theirs, ours) = (hello.versions, PeerProtocolVersions.spoken)
            return refuse(
                link, .version,
                "protocol versions \(theirs.oldest) to \(theirs.newest), here \(ours.oldest) to \(ours.newest)")
        }
        guard hello.cluster == identity.cluster else {
            return refuse(
                link, .cluster,
                "cluster id \(hello.cluster), here \(identity.cluster): the members were founded with different"
                    + " names, partitions, N or members")
        }
        guard hello.receiver == identity.member else {
            return refuse(
                link, .wrongReceiver, "sought member \(hello.receiver), here is \(identity.member): check addresses")
        }
        guard let peer = peers[hello.sender] else {
            return refuse(link, .unknownMember, "member \(hello.sender) is none of this cluster's")
        }
        if identity.member < peer.id, keepsOwnDial(to: peer, session: hello.session) {
            link.refuse(PeerRefusal(.linkedAlready, "the lower member keeps its own connection"))
            return
        }
        strangers[ObjectIdentifier(link)] = nil
        peer.cancelDial("the other side dialed")
        let old = peer.link
        peer.link = nil
        link.welcome(hello, version: version, session: identity.session)
        if let old {
            old.close("replaced by a newer connection")
            lost(peer, old, "replaced by a newer connection")
        }
        up(peer, link)
    }

    private func keepsOwnDial(to peer: Peer, session: UInt64) -> Bool {
        if case .greeting = peer.dial { return true }
        guard let link = peer.link else { return false }
        return link.isDialed && link.peerSession == session
    }

    func onWelcome(_ link: PeerLink) {
        guard let id = link.peer, let peer = peers[id] else { return }
        peer.dial = .idle
        up(peer, link)
    }

    func onRefusal(_ link: PeerLink, _ refusal: PeerRefusal) {
        guard let id = link.peer, let peer = peers[id] else { return }
        guard refusal.reason != .linkedAlready else {
            peer.dial = .idle
            peer.failures += 1
            return dialLater(peer)
        }
        let level: Logger.Level = peer.isReportedUnreachable ? .debug : .error
        peer.isReportedUnreachable = true
        logger.log(level: level, "member \(peer.name) at \(peer.address) refused this node: \(refusal.description)")
    }

    private func up(_ peer: Peer, _ link: PeerLink) {
        peer.link = link
        peer.isReportedUnreachable = false
        logger.info("link to \(peer.name) up", metadata: metadata(peer, link))
        receiver.batch { receiver.linkUp(peer.id) }
        peer.isTried = true
        endTrialIfDone()
    }

    func onEnded(_ link: PeerLink, _ phase: PeerLink.Phase, _ reason: String) {
        strangers[ObjectIdentifier(link)] = nil
        guard let id = link.peer, let peer = peers[id] else { return }
        if peer.link === link {
            peer.link = nil
            // A link that ends at once must not be made again at once.
            peer.failures = link.wasShort ? peer.failures + 1 : 0
            lost(peer, link, reason)
            dialLater(peer)
        } else if case .greeting(let dialed) = peer.dial, dialed === link {
            dialFailed(peer, reason)
        }
    }

    private func lost(_ peer: Peer, _ link: PeerLink, _ reason: String) {
        peer.droppedMessages += link.droppedMessages
        var metadata = metadata(peer, link)
        if link.droppedMessages > 0 { metadata["dropped"] = "\(link.droppedMessages)" }
        let level: Logger.Level = isStopped ? .debug : .warning
        logger.log(level: level, "link to \(peer.name) down: \(reason)", metadata: metadata)
        receiver.batch { receiver.linkDown(peer.id) }
    }

    func onGarbage(_ link: PeerLink, _ what: String) {
        let whom = link.peer.flatMap { peers[$0]?.name }.map { "member \($0) at " } ?? ""
        report("connection with \(whom)\(link.remoteAddress) closed: it brought \(what)")
    }

    func onOversizedMessage(_ link: PeerLink, _ message: Message) {
        let whom = link.peer.flatMap { peers[$0]?.name } ?? "a member"
        report("a message to \(whom) was dropped: it is larger than a frame's limit of \(PeerFrame.limit) bytes")
    }

    private func refuse(_ link: PeerLink, _ reason: PeerRefusal.Reason, _ text: String) {
        report("connection from \(link.remoteAddress) refused: \(text)")
        link.refuse(PeerRefusal(reason, text))
    }

    private func report(_ line: String) {
        guard let addition = strangerLines.admit() else { return }
        logger.warning("\(line)\(addition)")
    }

    private func metadata(_ peer: Peer, _ link: PeerLink) -> Logger.Metadata {
        ["peer": "\(peer.name)", "address": "\(link.remoteAddress)", "dialed": "\(link.isDialed)"]
    }
}
