import Placement
import Versions

/// Gets: Dynamo §4.5 and §5.
extension StorageNode {
    mutating func startGet(
        _ get: GetRequest, _ bucketType: Int, for purpose: GetCoordination.Purpose, _ now: Time,
        _ queue: inout EffectQueue
    ) throws(RequestFailure) {
        let type = settings.bucketTypes[bucketType]
        let quorums = RequestQuorums(replicas: replicaCount(type))
        let r = try quorums.resolve(.r, asked: get.r, default: type.r, type: type, atLeast: 1)
        let pr = try quorums.resolve(.pr, asked: get.pr, default: type.pr, type: type, atLeast: 0)
        let partition = settings.map.partition(of: get.key)
        let holders = holders(partition, type)
        // Those that look well are asked first, and of those this node.
        let reachable = holders.filter { peers.canReach($0) }
        let asked =
            reachable.filter { $0 == me } + reachable.filter { $0 != me && peers.isUp($0) }
            + reachable.filter { !peers.isUp($0) }
        let missing = holders.filter { !peers.isUp($0) }
        let standIns =
            missing.isEmpty || !(get.sloppyQuorum ?? true)
            ? [] : Array(self.standIns(for: partition, type).prefix(2 * missing.count))
        let able = asked.count + standIns.count
        guard able >= r else { throw .tooFewReachable(.r, needed: r, reachable: able) }
        guard asked.count >= pr else { throw .tooFewReachable(.pr, needed: pr, reachable: asked.count) }
        let milliseconds = timeout(get.timeoutMilliseconds)
        let deadline = now.monotonic.advanced(byMilliseconds: milliseconds)
        let tally = ReadTally(
            r: r, pr: pr, notFoundOK: get.notFoundOK ?? type.notFoundOK,
            basicQuorum: get.basicQuorum ?? type.basicQuorum ? Quorum.quorum.resolved(for: quorums.n) : nil,
            candidates: able, holders: asked.count)
        let coordination = GetCoordination(
            purpose: purpose, key: get.key, bucketType: bucketType, partition: partition, policy: type.policy,
            holders: asked, standIns: standIns, stoodInFor: missing, tally: tally, timeoutMilliseconds: milliseconds,
            deadline: deadline)
        let correlation = gets.insert(coordination)
        askReplicas(correlation, extra: 0, now, &queue)
        let hedge = now.monotonic.advanced(byMilliseconds: settings.hedgeMilliseconds)
        deadlines.insert(correlation, at: min(hedge, deadline))
    }

    private mutating func askReplicas(
        _ correlation: Correlation, extra: Int, _ now: Time, _ queue: inout EffectQueue
    ) {
        guard let replicas = gets[correlation]?.replicasToAsk(extra: extra), let get = gets[correlation] else { return }
        for replica in replicas {
            let stoodInFor = get.isHolder(replica) ? [] : get.stoodInFor
            if replica == me {
                let place: RecordPlace = stoodInFor.isEmpty ? .own : .hints(for: stoodInFor, get.policy)
                queue.emit(
                    .storage(
                        StorageRequest(
                            token: StorageToken(rawValue: correlation),
                            store: place == .own ? settings.bucketTypes.store(of: get.bucketType) : settings.hintStore,
                            partition: get.partition, key: get.key, place: place, operation: .read)))
            } else if peers.canReach(replica) {
                let fetch = Fetch(correlation: correlation, key: get.key, standingInFor: stoodInFor)
                ask(.fetch(fetch), of: replica, now, &queue)
            } else {
                // Its link went down after the get began.
                onAnswer(correlation, from: replica, .failure(.linkLost), now, &queue)
            }
        }
    }

    mutating func onOwnCopyRead(_ completion: StorageCompletion, _ now: Time, _ queue: inout EffectQueue) {
        switch completion {
        case .read(let token, let object): onAnswer(token.rawValue, from: me, .success(object), now, &queue)
        case .failed(let token, let failure):
            onAnswer(token.rawValue, from: me, .failure(.storage(failure)), now, &queue)
        case .minted, .written, .hints, .tree, .treesBuilt: break
        }
    }

    mutating func onFetched(_ fetched: Fetched, from sender: MemberID, _ now: Time, _ queue: inout EffectQueue) {
        if RequestKind(of: fetched.correlation) == .tree {
            onTreeFetched(fetched, from: sender, now, &queue)
        } else {
            onAnswer(fetched.correlation, from: sender, fetched.result, now, &queue)
        }
    }

    mutating func onAnswer(
        _ correlation: Correlation, from member: MemberID, _ result: Result<VersionedObject?, ReplicaFailure>,
        _ now: Time, _ queue: inout EffectQueue
    ) {
        guard gets[correlation]?.onAnswer(from: member, result) == true, let get = gets[correlation] else { return }
        if !get.isAnswered {
            switch get.tally.verdict {
            case .met:
                gets[correlation]?.markAnswered()
                conclude(get, now, &queue)
            case .impossible(let kind, let needed, let got):
                // Late replies are waited for all the same: what they show mends the replica that failed.
                gets[correlation]?.markAnswered()
                fail(get, .notEnoughReplies(kind, needed: needed, got: got), &queue)
            case .undecided:
                askReplicas(correlation, extra: 0, now, &queue)
                return
            }
        }
        if get.isComplete {
            gets.remove(correlation)
            repair(get, &queue)
        }
    }

    /// Enough replicas have answered.
    private mutating func conclude(_ get: GetCoordination, _ now: Time, _ queue: inout EffectQueue) {
        let context = get.merged?.context(fastest: get.fastest?.rawValue)
        switch get.purpose {
        case .client(let id):
            queue.emit(.reply(id, reply(to: get, context)))
        case .write(var order, let origin):
            if let failure = order.conditionFailure(of: get.merged) {
                return fail(origin, .conditionFailed(failure), &queue)
            }
            if order.isTombstone {
                guard let merged = get.merged, !merged.isDeleted else {
                    answer(origin, .notFound(context: context.map { seal($0, get.key) }), &queue)
                    return
                }
                order.context = order.context ?? context
            }
            // What the read took is gone from the whole request's time.
            order.timeoutMilliseconds = get.deadline.milliseconds(since: now.monotonic)
            do throws(RequestFailure) {
                try startWrite(order, get.bucketType, origin, now, &queue)
            } catch {
                onNotMinted(origin, error, now, &queue)
            }
        }
    }

    private mutating func reply(to get: GetCoordination, _ context: Context?) -> ClientReply {
        guard let merged = get.merged, let context else { return .notFound(context: nil) }
        let sealed = seal(context, get.key)
        guard !merged.isDeleted else { return .notFound(context: sealed) }
        statistics.versionsReturned[min(merged.siblings.count, 4) - 1] += 1
        return .found(FoundObject(object: merged, context: sealed))
    }

    private mutating func fail(_ get: GetCoordination, _ failure: RequestFailure, _ queue: inout EffectQueue) {
        switch get.purpose {
        case .client(let id): fail(id, failure, &queue)
        case .write(_, let origin): fail(origin, failure, &queue)
        }
    }

    /// Dynamo §5: the replicas that returned something older get the newest version.
    private mutating func repair(_ get: GetCoordination, _ queue: inout EffectQueue) {
        guard let merged = get.merged else { return }
        for replica in get.staleReplicas {
            statistics.readRepairs += 1
            if replica == me {
                let token = StorageToken(rawValue: replicaOperations.insert(.repair))
                queue.emit(
                    .storage(
                        StorageRequest(
                            token: token, store: settings.bucketTypes.store(of: get.bucketType),
                            partition: get.partition, key: get.key,
                            operation: .merge(merged, get.policy, .sometime))))
            } else if peers.canReach(replica) {
                // Correlation 0 is nobody's: the answer is not waited for.
                let replicate = Replicate(correlation: 0, key: get.key, object: merged, .sometime)
                queue.emit(.send(.replicate(replicate), to: replica))
            }
        }
    }

    mutating func onGetDeadline(_ correlation: Correlation, _ now: Time, _ queue: inout EffectQueue) {
        guard let get = gets[correlation] else { return }
        let late = now.monotonic.advanced(byMilliseconds: settings.lateReplyMilliseconds)
        if get.isAnswered {
            if get.isSettling || get.deadline <= now.monotonic {
                gets.remove(correlation)
                repair(get, &queue)
            } else {
                gets[correlation]?.markSettling()
                deadlines.insert(correlation, at: min(late, get.deadline))
            }
        } else if get.deadline <= now.monotonic {
            gets.remove(correlation)
            let lacking = get.tally.lacking
            let failure = RequestFailure.timedOut(
                lacking.kind, needed: lacking.needed, got: lacking.got, milliseconds: get.timeoutMilliseconds)
            fail(get, failure, &queue)
        } else {
            if get.hasMoreToAsk { statistics.hedges += 1 }
            askReplicas(correlation, extra: 1, now, &queue)
            deadlines.insert(correlation, at: min(late, get.deadline))
        }
    }
}
