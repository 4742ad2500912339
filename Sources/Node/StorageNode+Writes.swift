import NIOCore
import Placement
import Versions

/// Puts and deletes: Dynamo §4.5.
extension StorageNode {
    /// What a write mints.
    enum Write {
        case put(PutRequest)
        case deletion(DeleteRequest)
    }

    /// This node coordinates a write; it is a holder.
    mutating func coordinate(
        _ request: ClientRequest, _ bucketType: Int, _ context: Context?, _ origin: RequestOrigin, _ now: Time,
        _ queue: inout EffectQueue
    ) throws(RequestFailure) {
        switch request {
        case .put(let put):
            try startWrite(.put(put), bucketType, context, origin, now, &queue)
        case .delete(let delete) where context == nil:
            var get = GetRequest(key: delete.key)
            get.r = delete.r
            get.pr = delete.pr
            get.timeoutMilliseconds = delete.timeoutMilliseconds
            try startGet(get, bucketType, for: .deletion(delete, origin), now, &queue)
        case .delete(let delete):
            try startWrite(.deletion(delete), bucketType, context, origin, now, &queue)
        // Any node coordinates a get itself.
        case .get: return
        }
    }

    mutating func startWrite(
        _ write: Write, _ bucketType: Int, _ context: Context?, _ origin: RequestOrigin, _ now: Time,
        _ queue: inout EffectQueue
    ) throws(RequestFailure) {
        let type = settings.bucketTypes[bucketType]
        let order = WriteOrder(write)
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
        if type.policy == .lastWriteWins { try check(max(stamp, context?.stamp ?? .zero), now) }
        let milliseconds = timeout(order.timeoutMilliseconds)
        let deadline = now.monotonic.advanced(byMilliseconds: milliseconds)
        let correlation = puts.insert(
            PutCoordination(
                origin: origin, kind: order.kind, key: order.key, replicas: others, durable: dw > 0,
                tally: WriteTally(w: w, pw: pw, dw: dw, replicas: others.count + 1, holders: others.count + 1),
                timeoutMilliseconds: milliseconds, deadline: deadline))
        watch(correlation, until: deadline, now)
        let mint = Mint(
            content: order.content, isTombstone: order.isTombstone, context: context, now: stamp, policy: type.policy,
            truncation: type.vectorLimit.map(Truncation.init(limit:)), maximumSiblings: type.maximumSiblings)
        queue.emit(
            .storage(
                StorageRequest(
                    token: StorageToken(rawValue: correlation), store: settings.bucketTypes.store(of: bucketType),
                    partition: partition, key: order.key,
                    operation: .mint(mint, by: minter, durable: dw > 0))))
    }

    /// The other replicas would refuse such a stamp: their disks would lack what was minted here.
    private func check(_ stamp: HybridTime, _ now: Time) throws(RequestFailure) {
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
                    correlation: correlation, key: put.key, object: object, durable: put.durable)
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
                onNotMinted(put.origin, .storage(failure), now, &queue)
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

/// What puts and deletes have in common for their coordinator.
private struct WriteOrder {
    let key: ObjectKey
    let content: Content
    let isTombstone: Bool
    let kind: PutCoordination.Kind
    let w: Quorum?
    let pw: Quorum?
    let dw: Quorum?
    let timeoutMilliseconds: Int?

    init(_ write: StorageNode.Write) {
        switch write {
        case .put(let put):
            key = put.key
            content = put.content
            isTombstone = false
            kind = .put(returnBody: put.returnBody)
            (w, pw, dw) = (put.w, put.pw, put.dw)
            timeoutMilliseconds = put.timeoutMilliseconds
        case .deletion(let delete):
            key = delete.key
            content = Content(metadata: ByteBuffer(), value: ByteBuffer())
            isTombstone = true
            kind = .delete
            (w, pw, dw) = (delete.w, delete.pw, delete.dw)
            timeoutMilliseconds = delete.timeoutMilliseconds
        }
    }
}
