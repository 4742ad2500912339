import NIOCore
import Placement
import Versions

/// Puts and deletes: Dynamo §4.5.
extension StorageNode {
    /// This node coordinates a write; it is a holder.
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
        let others = holders.filter { $0 != me && peers.canReach($0) }
        // Refused before anything is minted: the client knows that nothing was written.
        for (kind, needed) in [(QuorumKind.w, w), (.pw, pw), (.dw, dw)] where needed > others.count + 1 {
            throw .tooFewReachable(kind, needed: needed, reachable: others.count + 1)
        }
        guard let stamp = clock.now(wall: now.wall) else { throw .notReady }
        if type.policy == .lastWriteWins { try check(stamp, order.context, now) }
        let milliseconds = timeout(order.timeoutMilliseconds)
        let deadline = now.monotonic.advanced(byMilliseconds: milliseconds)
        // Dynamo §6.1: where nobody waits for a sync, "the coordinator chooses one out of the N replicas to perform a
        // 'durable write'". It is the first of the preference list that can be reached.
        let durableReplica = dw > 0 ? nil : holders.first { $0 == me || others.contains($0) }
        let put = PutCoordination(
            origin: origin, kind: order.kind, key: order.key, replicas: others, durableReplica: durableReplica,
            tally: WriteTally(w: w, pw: pw, dw: dw, replicas: others.count + 1, holders: others.count + 1),
            timeoutMilliseconds: milliseconds, deadline: deadline)
        let correlation = puts.insert(put)
        watch(correlation, until: deadline, now)
        let mint = Mint(
            content: order.content, isTombstone: order.isTombstone, context: order.context, now: stamp,
            policy: type.policy, truncation: type.vectorLimit.map(Truncation.init(limit:)),
            maximumSiblings: type.maximumSiblings, condition: order.condition)
        queue.emit(
            .storage(
                StorageRequest(
                    token: StorageToken(rawValue: correlation), store: settings.bucketTypes.store(of: bucketType),
                    partition: partition, key: order.key,
                    operation: .mint(mint, by: minter, put.durability(at: me)))))
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
            for replica in put.replicas {
                let replicate = Replicate(
                    correlation: correlation, key: put.key, object: object, put.durability(at: replica))
                if peers.canReach(replica) {
                    queue.emit(.send(.replicate(replicate), to: replica))
                } else {
                    // Its link went down after the write began.
                    onReplicated(
                        Replicated(correlation: correlation, result: .failure(.linkLost)), from: replica, &queue)
                }
            }
        case .written(_, let durable):
            puts[correlation]?.onWritten(durable: durable)
            settle(correlation, &queue)
        case .failed(_, let failure):
            if put.minted == nil {
                puts.remove(correlation)
                onNotMinted(put.origin, RequestFailure(ofMint: failure), now, &queue)
            } else {
                puts[correlation]?.onLocalFailure()
                settle(correlation, &queue)
            }
        case .read: break
        }
    }

    mutating func onReplicated(_ replicated: Replicated, from sender: MemberID, _ queue: inout EffectQueue) {
        guard puts[replicated.correlation]?.onAnswer(from: sender, replicated.result) == true else { return }
        settle(replicated.correlation, &queue)
    }

    private mutating func settle(_ correlation: Correlation, _ queue: inout EffectQueue) {
        guard let put = puts[correlation], let object = put.minted else { return }
        switch put.tally.verdict {
        case .undecided: return
        case .met:
            puts.remove(correlation)
            answer(put.origin, reply(to: put, object), &queue)
        case .impossible(let kind, let needed, let got):
            puts.remove(correlation)
            fail(put.origin, .notEnoughReplies(kind, needed: needed, got: got), &queue)
        }
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
        guard put.deadline <= now.monotonic else {
            deadlines.insert(correlation, at: put.deadline)
            return
        }
        puts.remove(correlation)
        let lacking = put.tally.lacking
        let failure = RequestFailure.timedOut(
            lacking.kind, needed: lacking.needed, got: lacking.got, milliseconds: put.timeoutMilliseconds)
        fail(put.origin, failure, &queue)
    }
}
