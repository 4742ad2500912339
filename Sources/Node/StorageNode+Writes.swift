import NIOCore
import Placement
import Versions

/// Puts and deletes: Dynamo §4.5.
extension StorageNode {
    /// This node coordinates a write: as a holder, or as a stand-in where no holder can be reached.
    mutating func coordinate(
        _ request: ClientRequest, _ bucketType: Int, _ context: Context?, _ origin: RequestOrigin, _ now: Time,
        _ queue: inout EffectQueue
    ) throws(RequestFailure) {
        let order: WriteOrder
        switch request {
        case .put(let put): order = WriteOrder(put, context, try opened(put.condition, put.key))
        case .delete(let delete): order = WriteOrder(delete, context, try opened(delete.condition, delete.key))
        // Any node coordinates a get itself.
        case .get: return
        }
        guard order.readsFirst else { return try startWrite(order, bucketType, origin, now, &queue) }
        var get = GetRequest(key: order.key)
        get.r = order.r
        get.pr = order.pr
        get.sloppyQuorum = order.isSloppy
        get.timeoutMilliseconds = order.timeoutMilliseconds
        try startGet(get, bucketType, for: .write(order, origin), now, &queue)
    }

    private func opened(_ condition: WriteCondition?, _ key: ObjectKey) throws(RequestFailure) -> MintCondition? {
        switch condition {
        case nil: return nil
        case .absent: return .absent
        case .unchanged(let sealed): return .unchanged(since: try open(sealed, key)?.vector ?? VersionVector())
        }
    }

    mutating func startWrite(
        _ order: WriteOrder, _ bucketType: Int, _ origin: RequestOrigin, _ now: Time, _ queue: inout EffectQueue
    ) throws(RequestFailure) {
        let type = settings.bucketTypes[bucketType]
        let bytes = order.content.value.readableBytes + order.content.metadata.readableBytes
        guard bytes <= type.maximumObjectBytes else {
            throw .objectTooLarge(bytes: bytes, limit: type.maximumObjectBytes)
        }
        let partition = settings.map.partition(of: order.key)
        let holders = holders(partition, type)
        let quorums = RequestQuorums(replicas: holders.count)
        let w = try quorums.resolve(.w, asked: order.w, default: type.w, type: type, atLeast: 1)
        let pw = try quorums.resolve(.pw, asked: order.pw, default: type.pw, type: type, atLeast: 0)
        let dw = try quorums.resolve(.dw, asked: order.dw, default: type.dw, type: type, atLeast: 0)
        let reachable = holders.filter { peers.canReach($0) }
        let isHolder = holders.contains(me)
        // As a rule nobody has to stand in: who may is worked out when it is asked for.
        var standIns: [MemberID]? = order.isSloppy ? nil : []
        if order.isSloppy, !isHolder || reachable.count < max(w, dw) {
            standIns = self.standIns(for: partition, type)
            // It mints because no holder can be reached: the first hint is its own.
            if !isHolder, let place = standIns?.firstIndex(of: me) { standIns?.swapAt(0, place) }
        }
        // Refused before anything is minted: the client knows that nothing was written.
        for (kind, needed) in [(QuorumKind.w, w), (.pw, pw), (.dw, dw)] {
            let able =
                kind == .pw ? reachable.count : min(holders.count, reachable.count + (standIns?.count ?? holders.count))
            if needed > able { throw .tooFewReachable(kind, needed: needed, reachable: able) }
        }
        guard let stamp = clock.now(wall: now.wall) else { throw .notReady }
        if type.policy == .lastWriteWins { try check(stamp, order.context, now) }
        let milliseconds = timeout(order.timeoutMilliseconds)
        let deadline = now.monotonic.advanced(byMilliseconds: milliseconds)
        // Dynamo §6.1: where nobody waits for a sync, "the coordinator chooses one out of the N replicas to perform a
        // 'durable write'". It is the first of the preference list that can be reached.
        let durableReplica = dw > 0 ? nil : reachable.first { peers.isUp($0) } ?? me
        var put = PutCoordination(
            origin: origin, kind: order.kind, key: order.key, bucketType: bucketType, partition: partition,
            coordinator: me, slots: holders.map { ReplicaSlot(holder: $0, isAsked: peers.canReach($0)) },
            standIns: standIns,
            durableReplica: durableReplica, tally: WriteTally(w: w, pw: pw, dw: dw), timeoutMilliseconds: milliseconds,
            deadline: deadline)
        var place = RecordPlace.own
        if !isHolder {
            guard let holder = put.standIn() else { throw .notReady }
            place = .hint(for: holder)
            statistics.standInMints += 1
        }
        let correlation = puts.insert(put)
        watch(correlation, until: deadline, now)
        let mint = Mint(
            content: order.content, isTombstone: order.isTombstone, context: order.context, now: stamp,
            policy: type.policy, truncation: type.vectorLimit.map(Truncation.init(limit:)),
            maximumSiblings: type.maximumSiblings, condition: order.condition)
        queue.emit(
            .storage(
                StorageRequest(
                    token: StorageToken(rawValue: correlation),
                    store: place == .own ? settings.bucketTypes.store(of: bucketType) : settings.hintStore,
                    partition: partition, key: order.key, place: place,
                    operation: .mint(mint, by: minter, put.durability(at: me)))))
    }

    /// Who may stand in for a partition's holders, best first: the members that are up (Dynamo §4.6: "the first N
    /// healthy nodes from the preference list").
    func standIns(for partition: Int, _ type: BucketType) -> [MemberID] {
        settings.map.preferenceList(for: partition, n: type.n).standIns().filter { peers.isUp($0) }
    }

    /// Where the last write wins. A stamp too far ahead is refused by the other replicas: their disks would lack what
    /// was minted here. One behind this node's clock may be less than that of an older write, which would win.
    private func check(_ stamp: HybridTime, _ context: Context?, _ now: Time) throws(RequestFailure) {
        guard now.wall <= stamp.milliseconds else {
            throw .clockBehind(milliseconds: now.wall - clock.ceiling.milliseconds)
        }
        let stamp = max(stamp, context?.stamp ?? .zero)
        guard clock.accepts(stamp, wall: now.wall) else {
            throw .clockAhead(milliseconds: stamp.milliseconds - now.wall)
        }
    }

    private var minter: Minter {
        Minter(node: me.rawValue, incarnation: keeper.record.start.incarnation)
    }

    mutating func onOwnCopyWritten(_ completion: StorageCompletion, _ now: Time, _ queue: inout EffectQueue) {
        let correlation = completion.token.rawValue
        guard let put = puts[correlation] else { return }
        switch completion {
        case .minted(_, let object):
            puts[correlation]?.onMinted(object)
            replicate(object, of: correlation, to: put.askedHolders, now, &queue)
            guard put.slots.contains(where: { !peers.isUp($0.holder) }) else { return }
            // In the place of a holder that cannot be reached, and beside a suspect one.
            workOutStandIns(for: correlation)
            let suspects = put.slots.map(\.holder).filter { !peers.isUp($0) }
            let targets = puts[correlation]?.engage(besides: suspects) ?? []
            replicate(object, of: correlation, to: targets, now, &queue)
        case .written(_, let durable):
            if let holder = put.standsInFor { onHintKept(for: holder, now) }
            onStored(correlation, by: me, .success(durable), now, &queue)
        case .failed(_, let failure):
            if put.minted == nil {
                removePut(correlation)
                // A stand-in's mint that came too late has been told of.
                guard !put.isAnswered else { return }
                onNotMinted(put.origin, RequestFailure(ofMint: failure), now, &queue)
            } else {
                onStored(correlation, by: me, .failure(.storage(failure)), now, &queue)
            }
        case .read, .hints, .tree, .treesBuilt: break
        }
    }

    private mutating func workOutStandIns(for correlation: Correlation) {
        guard let put = puts[correlation], put.needsStandIns else { return }
        let members = standIns(for: put.partition, settings.bucketTypes[put.bucketType])
        puts[correlation]?.setStandIns(members)
    }

    private mutating func replicate(
        _ object: VersionedObject, of correlation: Correlation, to targets: [PutCoordination.Target], _ now: Time,
        _ queue: inout EffectQueue
    ) {
        guard let put = puts[correlation] else { return }
        for target in targets where target.member != me {
            let replicate = Replicate(
                correlation: correlation, key: put.key, object: object, put.durability(at: target.member),
                standingInFor: target.standsInFor)
            if peers.canReach(target.member) {
                ask(.replicate(replicate), of: target.member, now, &queue)
            } else {
                // Its link went down after the write began.
                onStored(correlation, by: target.member, .failure(.linkLost), now, &queue)
            }
        }
    }

    mutating func onReplicated(
        _ replicated: Replicated, from sender: MemberID, _ now: Time, _ queue: inout EffectQueue
    ) {
        switch RequestKind(of: replicated.correlation) {
        case .hint: onHintDelivered(replicated.correlation, by: sender, replicated.result, now, &queue)
        case .tree: onTreeReplicated(replicated, from: sender, now, &queue)
        default: onStored(replicated.correlation, by: sender, replicated.result, now, &queue)
        }
    }

    private mutating func onStored(
        _ correlation: Correlation, by member: MemberID, _ result: Result<Bool, ReplicaFailure>, _ now: Time,
        _ queue: inout EffectQueue
    ) {
        guard puts[correlation]?.onAnswer(from: member, result) == true else { return }
        if case .failure(let failure) = result, failure.callsForStandIn {
            standIn(for: member, of: correlation, now, &queue)
        }
        settle(correlation, now, &queue)
    }

    private mutating func standIn(
        for member: MemberID, of correlation: Correlation, _ now: Time, _ queue: inout EffectQueue
    ) {
        workOutStandIns(for: correlation)
        guard let object = puts[correlation]?.minted, let targets = puts[correlation]?.engage(inPlaceOf: member) else {
            return
        }
        replicate(object, of: correlation, to: targets, now, &queue)
    }

    private mutating func settle(_ correlation: Correlation, _ now: Time, _ queue: inout EffectQueue) {
        guard let put = puts[correlation], let object = put.minted else { return }
        if !put.isAnswered {
            switch put.verdict {
            case .undecided: return
            case .met: answer(put.origin, reply(to: put, object), &queue)
            case .impossible(let kind, let needed, let got):
                fail(put.origin, .notEnoughReplies(kind, needed: needed, got: got), &queue)
            }
            markAnswered(correlation)
        }
        if put.isComplete { removePut(correlation) }
    }

    /// It stays until it is looked at next, in case a replica that has not answered fails.
    private mutating func markAnswered(_ correlation: Correlation) {
        puts[correlation]?.markAnswered()
        answeredPuts += 1
    }

    private mutating func removePut(_ correlation: Correlation) {
        if puts[correlation]?.isAnswered == true { answeredPuts -= 1 }
        puts.remove(correlation)
    }

    private func reply(to put: PutCoordination, _ object: VersionedObject) -> ClientReply {
        switch put.kind {
        case .delete: return .deleted
        case .put(let returnBody):
            guard returnBody else { return .stored(nil) }
            let context = seal(object.context(fastest: me.rawValue), put.key)
            return .stored(FoundObject(object: object, context: context))
        }
    }

    mutating func onPutDeadline(_ correlation: Correlation, _ now: Time, _ queue: inout EffectQueue) {
        guard let put = puts[correlation] else { return }
        let next = now.monotonic.advanced(byMilliseconds: settings.putHedgeMilliseconds)
        if put.isAnswered {
            // Its own hint must be known of when it stands. Other replicas that have not answered may have it or not.
            if put.standsInFor != nil, put.waits(for: me) {
                deadlines.insert(correlation, at: next)
            } else {
                removePut(correlation)
            }
        } else if put.deadline <= now.monotonic {
            let lacking = put.lacking
            let failure = RequestFailure.timedOut(
                lacking.kind, needed: lacking.needed, got: lacking.got, milliseconds: put.timeoutMilliseconds)
            fail(put.origin, failure, &queue)
            guard put.standsInFor != nil else { return removePut(correlation) }
            markAnswered(correlation)
            deadlines.insert(correlation, at: next)
        } else {
            deadlines.insert(correlation, at: min(next, put.deadline))
            hedge(correlation, now, &queue)
        }
    }

    /// The slow are stood in for; not where everybody is, for that would make them slower.
    private mutating func hedge(_ correlation: Correlation, _ now: Time, _ queue: inout EffectQueue) {
        guard let put = puts[correlation], let object = put.minted, !put.isHedged,
            requestsInFlight < settings.maximumRequests / 4
        else { return }
        workOutStandIns(for: correlation)
        let targets = puts[correlation]?.engageForSlow() ?? []
        replicate(object, of: correlation, to: targets, now, &queue)
    }
}
