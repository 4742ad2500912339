import NIOCore
import Node
import Placement
import Versions

/// Messages of every kind, with every option there and not there.
extension TestRandom {
    mutating func message() -> Message {
        switch below(13) {
        case 0: .startAnnounced(start())
        case 1: .startConfirmed(start())
        case 2: .startConflict(start())
        case 3: .fetch(Fetch(correlation: next(), key: key(), standingInFor: (0..<below(4)).map { _ in member() }))
        case 4: .fetched(Fetched(correlation: next(), result: fetchedResult()))
        case 5:
            .replicate(
                Replicate(
                    correlation: next(), key: key(), object: object(), durability(),
                    standingInFor: chance() ? member() : nil))
        case 6:
            .replicated(
                Replicated(
                    correlation: next(), result: below(3) > 0 ? .success(chance()) : .failure(replicaFailure())))
        case 7:
            .forward(
                Forward(correlation: next(), start: next(), sequence: next(), receiver: next(), request: request()))
        case 8: .probe
        case 9: .probed
        case 10:
            .askTrees(
                TreeInquiry(correlation: next(), store: "store \(below(9))", types: next(), question: treeQuestion()))
        case 11: .treesAnswered(TreeReport(correlation: next(), answer: treeAnswer()))
        default: .forwarded(Forwarded(correlation: next(), reply: reply()))
        }
    }

    private mutating func treeQuestion() -> TreeQuestion {
        switch below(3) {
        case 0: .roots((0..<below(5)).map { _ in tree() })
        case 1: .sums(tree(), level: below(5), nodes: (0..<below(20)).map { _ in UInt32(below(70_000)) })
        default:
            .keys(
                TreeListing(
                    tree: tree(), leaves: LeafSet(words: (0..<below(9)).map { _ in next() }),
                    after: chance() ? bytes(upTo: 40) : nil, upTo: chance() ? bytes(upTo: 40) : nil))
        }
    }

    private mutating func treeAnswer() -> TreeAnswer {
        switch below(5) {
        case 0: .unavailable
        case 3: .busy
        case 1: .roots((0..<below(5)).map { _ in chance() ? next() : nil })
        case 2: .sums((0..<below(20)).map { _ in next() })
        default:
            .keys(
                TreeKeys(
                    entries: (0..<below(5)).map { _ in TreeKeys.Entry(key: key(), digest: next()) },
                    last: chance() ? bytes(upTo: 40) : nil))
        }
    }

    private mutating func tree() -> TreeID { TreeID(partition: below(65_536), n: below(7)) }

    private mutating func member() -> MemberID { MemberID(rawValue: next()) }

    mutating func key() -> ObjectKey {
        ObjectKey(type: bytes(upTo: 12), bucket: bytes(upTo: 12), key: bytes(upTo: 40))
    }

    mutating func object() -> VersionedObject {
        var object: VersionedObject?
        for birth in 0...UInt64(below(3)) {
            let mint = Mint(
                content: Content(metadata: bytes(upTo: 20), value: bytes(upTo: 200)), isTombstone: chance(),
                context: nil, now: HybridTime(rawValue: next() >> 8), policy: .siblings)
            let actor = Actor(node: next(), incarnation: next(), birth: birth)
            guard let minted = try? mint.minted(onto: object, actor: actor) else { continue }
            object = minted.object
        }
        guard let object else { preconditionFailure("the first mint onto nothing was refused") }
        return object
    }

    private mutating func start() -> StartRecord {
        StartRecord(number: next() >> 16, session: next(), incarnation: next() >> 1)
    }

    private mutating func fetchedResult() -> Result<VersionedObject?, ReplicaFailure> {
        switch below(3) {
        case 0: .success(nil)
        case 1: .success(object())
        default: .failure(replicaFailure())
        }
    }

    private mutating func replicaFailure() -> ReplicaFailure {
        switch below(4) {
        case 0: .storage(storageFailure())
        case 1: .unknownBucketType
        case 2: .stampAhead(milliseconds: next())
        default: .linkLost
        }
    }

    private mutating func durability() -> WriteDurability {
        [.sometime, .afterAnswer, .beforeAnswer][below(3)]
    }

    private mutating func storageFailure() -> StorageFailure {
        switch below(9) {
        case 0: .damaged
        case 1: .full
        case 2: .ended("the disk \(below(9)) is gone")
        case 3: .failed("é \(below(9))")
        case 4: .tooLarge(bytes: below(1000), limit: below(1000))
        case 5: .tooManySiblings(count: below(1000), limit: below(1000))
        case 6: .conditionFailed(conditionFailure())
        case 7: .hintsFull(limit: below(1000))
        default: .overloaded
        }
    }

    private mutating func request() -> ClientRequest {
        switch below(3) {
        case 0:
            var get = GetRequest(key: key())
            (get.r, get.pr) = (quorum(), quorum())
            if chance() { get.basicQuorum = chance() }
            if chance() { get.notFoundOK = chance() }
            if chance() { get.sloppyQuorum = chance() }
            if chance() { get.timeoutMilliseconds = below(100_000) }
            return .get(get)
        case 1:
            var put = PutRequest(
                key: key(), content: Content(metadata: bytes(upTo: 20), value: bytes(upTo: 200)),
                context: chance() ? bytes(upTo: 60) : nil)
            put.condition = condition()
            (put.r, put.pr) = (quorum(), quorum())
            (put.w, put.pw, put.dw) = (quorum(), quorum(), quorum())
            put.returnBody = chance()
            if chance() { put.sloppyQuorum = chance() }
            if chance() { put.timeoutMilliseconds = below(100_000) }
            return .put(put)
        default:
            var delete = DeleteRequest(key: key(), context: chance() ? bytes(upTo: 60) : nil)
            delete.condition = condition()
            (delete.r, delete.pr, delete.w) = (quorum(), quorum(), quorum())
            (delete.pw, delete.dw) = (quorum(), quorum())
            if chance() { delete.sloppyQuorum = chance() }
            if chance() { delete.timeoutMilliseconds = below(100_000) }
            return .delete(delete)
        }
    }

    private mutating func condition() -> WriteCondition? {
        switch below(3) {
        case 0: nil
        case 1: .absent
        default: .unchanged(since: bytes(upTo: 60))
        }
    }

    private mutating func conditionFailure() -> ConditionFailure {
        ConditionFailure.allCases[below(ConditionFailure.allCases.count)]
    }

    private mutating func quorum() -> Quorum? {
        switch below(5) {
        case 0: nil
        case 1: .count(below(10))
        case 2: .one
        case 3: .quorum
        default: .all
        }
    }

    private mutating func reply() -> ClientReply {
        switch below(5) {
        case 0: .found(FoundObject(object: object(), context: bytes(upTo: 60)))
        case 1: .notFound(context: chance() ? bytes(upTo: 60) : nil)
        case 2: .stored(chance() ? FoundObject(object: object(), context: bytes(upTo: 60)) : nil)
        case 3: .deleted
        default: .failed(requestFailure())
        }
    }

    private mutating func requestFailure() -> RequestFailure {
        let kinds: [QuorumKind] = [.r, .pr, .w, .pw, .dw]
        let kind = kinds[below(kinds.count)]
        switch below(16) {
        case 0: return .unknownBucketType("t\(below(9))")
        case 1: return .badName(part: "Key", length: below(9), limit: below(9))
        case 2: return .objectTooLarge(bytes: below(9), limit: below(9))
        case 3: return .quorumAboveN(kind, asked: below(9), n: below(9))
        case 4: return .contextRefused("because \(below(9))")
        case 5: return .tooFewReachable(kind, needed: below(9), reachable: below(9))
        case 6: return .notEnoughReplies(kind, needed: below(9), got: below(9))
        case 7: return .timedOut(kind, needed: below(9), got: below(9), milliseconds: below(9))
        case 8: return .coordinatorLost("node \(below(9))")
        case 9: return .storage(storageFailure())
        case 10: return .notReady
        case 11: return .coordinatorUnreachable("node \(below(9))")
        case 12: return .clockAhead(milliseconds: next())
        case 13: return .clockBehind(milliseconds: next())
        case 14: return .conditionFailed(conditionFailure())
        default: return .overloaded(waiting: below(9), limit: below(9))
        }
    }
}

/// A value with all that is in it, field by field; buffers by their readable bytes.
func fingerprint(_ value: Any) -> String {
    if let buffer = value as? ByteBuffer { return "0x" + buffer.hexDump(format: .compact) }
    let mirror = Mirror(reflecting: value)
    if mirror.children.isEmpty { return "\(value)" }
    let parts = mirror.children.map { "\($0.label ?? "_"):\(fingerprint($0.value))" }
    return "(\(parts.joined(separator: " ")))"
}
