import NIOCore
import Placement
import Versions

/// From a client's request to the node that coordinates it.
extension StorageNode {
    mutating func onRequest(_ id: RequestID, _ request: ClientRequest, _ now: Time, _ queue: inout EffectQueue) {
        guard requestsInFlight < settings.maximumRequests else {
            fail(id, .overloaded(waiting: requestsInFlight, limit: settings.maximumRequests), &queue)
            return
        }
        do throws(RequestFailure) {
            let bucketType = try accept(request.key)
            switch request {
            case .get(let get):
                statistics.gets += 1
                return try startGet(get, bucketType, for: .client(id), now, &queue)
            case .put: statistics.puts += 1
            case .delete: statistics.deletes += 1
            }
            let milliseconds = timeout(request.timeoutMilliseconds)
            let write = ClientWrite(
                id: id, request: request, bucketType: bucketType, timeoutMilliseconds: milliseconds,
                deadline: now.monotonic.advanced(byMilliseconds: milliseconds))
            try route(write, now, &queue)
        } catch {
            fail(id, error, &queue)
        }
    }

    /// Checks the names and finds the bucket type.
    func accept(_ key: ObjectKey) throws(RequestFailure) -> Int {
        if let name = badName(in: key) {
            throw .badName(part: name.part, length: name.length, limit: name.limit)
        }
        guard let position = settings.bucketTypes.position(named: key.type) else {
            throw .unknownBucketType(String(buffer: key.type))
        }
        return position
    }

    /// The first name that is empty or too long.
    func badName(in key: ObjectKey) -> (part: String, length: Int, limit: Int)? {
        func check(_ part: String, _ name: ByteBuffer, _ limit: Int) -> (part: String, length: Int, limit: Int)? {
            (1...limit).contains(name.readableBytes) ? nil : (part, name.readableBytes, limit)
        }
        return check("Type", key.type, settings.maximumTypeLength)
            ?? check("Bucket", key.bucket, settings.maximumBucketLength)
            ?? check("Key", key.key, settings.maximumKeyLength)
    }

    /// How many replicas a type has in the cluster as it is: fewer members than N count as N.
    func replicaCount(_ type: BucketType) -> Int { min(type.n, settings.map.table.replicas) }

    func holders(_ partition: Int, _ type: BucketType) -> [MemberID] {
        Array(settings.map.holders(of: partition, n: type.n))
    }

    /// Chooses a write's coordinator (Dynamo §4.5, §6.4): the holder that answered the preceding get fastest, or this
    /// node where it is a holder itself, or the first holder that is up, or at least can be reached; of those not
    /// passed over. Where none can, this node stands in (§4.6).
    private mutating func route(_ write: ClientWrite, _ now: Time, _ queue: inout EffectQueue) throws(RequestFailure) {
        let type = settings.bucketTypes[write.bucketType]
        let holders = holders(settings.map.partition(of: write.request.key), type)
        let context = try open(write.request.sealedContext, write.request.key)
        let candidates = holders.filter { !write.passedOver.contains($0) }
        if let fastest = context?.fastest.map(MemberID.init(rawValue:)), fastest != me, candidates.contains(fastest),
            canForward(to: fastest), peers.isUp(fastest)
        {
            forward(write, to: fastest, now, &queue)
        } else if candidates.contains(me), isReady {
            do throws(RequestFailure) {
                let request = write.timed(now.monotonic)
                try coordinate(request, write.bucketType, context, .client(write), now, &queue)
            } catch {
                guard error.isCoordinatorsOwn else { throw error }
                passOver(me, write, error, now, &queue)
            }
        } else if let holder = coordinator(among: candidates) {
            forward(write, to: holder, now, &queue)
        } else if isReady, !write.passedOver.contains(me), mayStandIn(for: holders, write) {
            try coordinate(write.timed(now.monotonic), write.bucketType, context, .client(write), now, &queue)
        } else if let refusal = write.refusal {
            throw refusal
        } else if holders.contains(me) || holders.contains(where: { peers.canReach($0) }) {
            throw .notReady
        } else {
            throw .tooFewReachable(.w, needed: type.w.resolved(for: holders.count), reachable: 0)
        }
    }

    /// The first that is up, or else can be reached, but for this node.
    private func coordinator(among candidates: [MemberID]) -> MemberID? {
        let others = candidates.filter { $0 != me && canForward(to: $0) }
        return others.first { peers.isUp($0) } ?? others.first
    }

    /// "A stand-in mints only if no holder can be reached": a second actor in the key's history.
    private func mayStandIn(for holders: [MemberID], _ write: ClientWrite) -> Bool {
        let isSloppy =
            switch write.request {
            case .put(let put): put.sloppyQuorum ?? true
            case .delete(let delete): delete.sloppyQuorum ?? true
            case .get: false
            }
        return isSloppy && !holders.contains { peers.canReach($0) } && settings.map.member(me)?.isWished ?? false
    }

    /// A coordinator has failed before it minted. A client's write goes to the next holder, where that may help and
    /// there is time.
    mutating func onNotMinted(
        _ origin: RequestOrigin, _ failure: RequestFailure, _ now: Time, _ queue: inout EffectQueue
    ) {
        guard case .client(let write) = origin else { return fail(origin, failure, &queue) }
        passOver(me, write, failure, now, &queue)
    }

    private mutating func passOver(
        _ coordinator: MemberID, _ write: ClientWrite, _ failure: RequestFailure, _ now: Time,
        _ queue: inout EffectQueue
    ) {
        guard failure.isCoordinatorsOwn, now.monotonic < write.deadline else { return fail(write.id, failure, &queue) }
        var write = write
        write.passOver(coordinator, failure)
        statistics.passedOver += 1
        do throws(RequestFailure) {
            try route(write, now, &queue)
        } catch {
            fail(write.id, error, &queue)
        }
    }

    func open(_ sealed: ByteBuffer?, _ key: ObjectKey) throws(RequestFailure) -> Context? {
        guard let sealed, sealed.readableBytes > 0 else { return nil }
        do throws(ContextError) {
            return try Context.opened(sealed, with: settings.contextKey, boundTo: key.canonicalBytes)
        } catch {
            throw .contextRefused("\(error)")
        }
    }

    func seal(_ context: Context, _ key: ObjectKey) -> ByteBuffer {
        context.sealed(with: settings.contextKey, boundTo: key.canonicalBytes)
    }

    /// A forward names the receiver's start, which the receiver announces as soon as the link is up.
    private func canForward(to member: MemberID) -> Bool {
        peers.canReach(member) && keeper.record.start(of: member) != nil
    }

    private mutating func forward(
        _ write: ClientWrite, to coordinator: MemberID, _ now: Time, _ queue: inout EffectQueue
    ) {
        guard let index = peers.index(of: coordinator), let receiver = keeper.record.start(of: coordinator) else {
            return
        }
        statistics.forwards += 1
        forwardSequences[index] += 1
        let correlation = forwards.insert(ForwardedRequest(write: write, coordinator: coordinator))
        watch(correlation, until: write.deadline, now)
        let forward = Forward(
            correlation: correlation, start: keeper.record.start.number, sequence: forwardSequences[index],
            receiver: receiver.session, request: write.timed(now.monotonic))
        ask(.forward(forward), of: coordinator, now, &queue)
    }

    /// This node was chosen to coordinate a write. It does not forward again: that could go in circles.
    mutating func onForward(_ forward: Forward, from sender: MemberID, _ now: Time, _ queue: inout EffectQueue) {
        guard let index = peers.index(of: sender) else { return }
        let origin = RequestOrigin.peer(sender, forward.correlation)
        guard forward.receiver == keeper.record.start.session else {
            let name = settings.map.member(me)?.name ?? "\(me)"
            fail(origin, .coordinatorLost(name), &queue)
            return
        }
        guard forwardWindows[index].accepts(start: forward.start, sequence: forward.sequence) else {
            statistics.repeatedForwards += 1
            return
        }
        guard requestsInFlight < settings.maximumRequests else {
            fail(origin, .overloaded(waiting: requestsInFlight, limit: settings.maximumRequests), &queue)
            return
        }
        do throws(RequestFailure) {
            let bucketType = try accept(forward.request.key)
            // The sender then asks the next holder: nothing was minted here.
            guard isReady, !isDraining else { throw .notReady }
            let partition = settings.map.partition(of: forward.request.key)
            guard holders(partition, settings.bucketTypes[bucketType]).contains(me) else { throw .notReady }
            let context = try open(forward.request.sealedContext, forward.request.key)
            try coordinate(forward.request, bucketType, context, origin, now, &queue)
        } catch {
            fail(origin, error, &queue)
        }
    }

    mutating func onForwarded(
        _ forwarded: Forwarded, from sender: MemberID, _ now: Time, _ queue: inout EffectQueue
    ) {
        guard let request = forwards[forwarded.correlation], request.coordinator == sender else { return }
        forwards.remove(forwarded.correlation)
        if case .failed(let failure) = forwarded.reply {
            passOver(sender, request.write, failure, now, &queue)
        } else {
            queue.emit(.reply(request.write.id, forwarded.reply))
        }
    }

    /// What this node sent never left it: whoever waits goes on without the member.
    mutating func onUndelivered(
        _ message: Message, to member: MemberID, _ now: Time, _ queue: inout EffectQueue
    ) {
        switch message {
        case .probe, .probed: break
        case .fetch(let fetch):
            onFetched(Fetched(correlation: fetch.correlation, result: .failure(.linkLost)), from: member, now, &queue)
        case .replicate(let replicate):
            let lost = Replicated(correlation: replicate.correlation, result: .failure(.linkLost))
            onReplicated(lost, from: member, now, &queue)
        case .askTrees(let inquiry):
            onTreesAnswered(
                TreeReport(correlation: inquiry.correlation, answer: .unavailable), from: member, now, &queue)
        case .forward(let forward):
            let name = settings.map.member(member)?.name ?? "\(member)"
            let lost = Forwarded(correlation: forward.correlation, reply: .failed(.coordinatorUnreachable(name)))
            onForwarded(lost, from: member, now, &queue)
        // Their receivers have deadlines of their own, and are told of a start at each new link.
        case .fetched, .replicated, .forwarded, .treesAnswered, .startAnnounced, .startConfirmed, .startConflict: break
        }
    }

    mutating func onForwardDeadline(_ correlation: Correlation, _ now: Time, _ queue: inout EffectQueue) {
        guard let write = forwards[correlation]?.write else { return }
        guard write.deadline <= now.monotonic else {
            deadlines.insert(correlation, at: write.deadline)
            return
        }
        forwards.remove(correlation)
        fail(write.id, .timedOut(.w, needed: 1, got: 0, milliseconds: write.timeoutMilliseconds), &queue)
    }

    /// Milliseconds that a request may take.
    func timeout(_ asked: Int?) -> Int {
        min(max(1, asked ?? settings.timeoutMilliseconds), settings.maximumTimeoutMilliseconds)
    }

    /// Looks at a request again at its deadline. Nearly all are over long before, so a first look a little later keeps
    /// the queue as short as the requests of that little while.
    func firstLook(until deadline: Instant, _ now: Time) -> Instant {
        min(deadline, now.monotonic.advanced(byMilliseconds: 250))
    }

    mutating func watch(_ correlation: Correlation, until deadline: Instant, _ now: Time) {
        deadlines.insert(correlation, at: firstLook(until: deadline, now))
    }
}

extension ClientWrite {
    /// The request with the time that it has left.
    fileprivate func timed(_ now: Instant) -> ClientRequest {
        var request = request
        request.timeoutMilliseconds = deadline.milliseconds(since: now)
        return request
    }
}

extension ClientRequest {
    fileprivate var sealedContext: ByteBuffer? {
        switch self {
        case .put(let put): put.context
        case .delete(let delete): delete.context
        case .get: nil
        }
    }
}
