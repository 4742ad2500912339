import NIOCore
import Placement
import Testing
import Versions

@testable import Node

@Suite struct ForwardTests {
    /// A node among five that does not hold the key.
    private func outsider() throws -> (NodeHarness, ObjectKey, holders: [MemberID]) {
        let node = try NodeHarness(members: 5)
        let key = try node.key { !$0.contains(node.me) }
        return (node, key, Array(node.map.holders(of: node.map.partition(of: key), n: 3)))
    }

    private func put(_ key: ObjectKey, _ context: ByteBuffer? = nil) -> ClientRequest {
        .put(PutRequest(key: key, content: Content(value: ByteBuffer(string: "v")), context: context))
    }

    private func forward(
        to node: NodeHarness, sequence: UInt64, correlation: Correlation = 8, request: ClientRequest
    ) -> NodeHarness.Effects {
        let forward = Forward(
            correlation: correlation, start: 1, sequence: sequence, receiver: node.record.start.session,
            request: request)
        return node.handle(.message(.forward(forward), from: node.members[1]))
    }

    @Test("a node outside the preference list hands the write to the first holder, and its answer to the client")
    func toFirstHolder() throws {
        let (node, key, holders) = try outsider()
        let effects = node.request(put(key))
        #expect(effects.storage.isEmpty, "it mints nothing itself")
        #expect(effects.forwards.count == 1 && effects.forwards[0].to == holders[0])
        let forward = effects.forwards[0].forward
        #expect(forward.receiver == NodeHarness.session(of: holders[0]))
        let answer = Forwarded(correlation: forward.correlation, reply: .stored(nil))
        #expect(node.handle(.message(.forwarded(answer), from: holders[1])).replies.isEmpty, "not the one asked")
        #expect(node.handle(.message(.forwarded(answer), from: holders[0])).isStored)
        #expect(node.handle(.message(.forwarded(answer), from: holders[0])).replies.isEmpty)
        #expect(node.requestsInFlight == 0)
    }

    @Test("a holder that cannot be reached is passed over")
    func passesOver() throws {
        let (node, key, holders) = try outsider()
        node.handle(.linkDown(holders[0]))
        #expect(node.request(put(key)).forwards.first?.to == holders[1])
        node.handle(.linkDown(holders[1]))
        node.handle(.linkDown(holders[2]))
        var strict = PutRequest(key: key, content: Content(value: ByteBuffer(string: "v")))
        strict.sloppyQuorum = false
        #expect(node.request(.put(strict)).failure == .tooFewReachable(.w, needed: 2, reachable: 0))
    }

    @Test("each forward to a member has the next number")
    func numbers() throws {
        let (node, key, holders) = try outsider()
        let numbers = (0..<5).compactMap { _ in node.request(put(key)).forwards.first?.forward.sequence }
        #expect(numbers == [1, 2, 3, 4, 5])
        node.handle(.linkDown(holders[0]))
        #expect(node.request(put(key)).forwards.first?.forward.sequence == 1, "numbers go by receiver")
    }

    @Test("a lost coordinator means an unknown outcome, and the write is not sent again")
    func coordinatorLost() throws {
        let (node, key, holders) = try outsider()
        node.request(put(key))
        let effects = node.handle(.linkDown(holders[0]))
        #expect(effects.failure?.consequence == .outcomeUnknown)
        #expect(effects.sent.isEmpty)
        #expect(node.requestsInFlight == 0)
    }

    @Test("a forward that is not answered ends at its deadline")
    func deadline() throws {
        let (node, key, _) = try outsider()
        var request = put(key)
        request.timeoutMilliseconds = 800
        node.request(request)
        #expect(node.pass(milliseconds: 799).replies.isEmpty)
        let effects = node.pass(milliseconds: 1)
        #expect(effects.failure == .timedOut(.w, needed: 1, got: 0, milliseconds: 800))
        #expect(node.requestsInFlight == 0)
    }

    @Test("a repeated forward is not minted a second time")
    func repeated() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        #expect(forward(to: node, sequence: 1, request: put(key)).storage.count == 1)
        for correlation in Correlation(8)...10 {
            let again = forward(to: node, sequence: 1, correlation: correlation, request: put(key))
            #expect(again.storage.isEmpty && again.sent.isEmpty)
        }
        #expect(forward(to: node, sequence: 3, request: put(key)).storage.count == 1)
        #expect(forward(to: node, sequence: 2, request: put(key)).storage.count == 1, "late, but new")
        #expect(node.statistics.repeatedForwards == 3)
    }

    @Test("a node that is about to stop mints no more for others, and says so: the next holder is asked")
    func draining() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        #expect(forward(to: node, sequence: 1, request: put(key)).storage.count == 1)
        node.drainRequests()
        let effects = forward(to: node, sequence: 2, request: put(key))
        #expect(effects.storage.isEmpty)
        guard effects.sent.count == 1, case .forwarded(let answer) = effects.sent[0].message,
            case .failed(.notReady) = answer.reply
        else {
            Issue.record("\(effects.sent)")
            return
        }
        #expect(node.requestsInFlight == 1, "what was taken before goes on")
        #expect(node.request(put(key)).storage.count == 1, "and its own clients are served to the end")
    }

    @Test("a forward meant for an earlier start of the receiver is refused: it may have been minted then")
    func earlierStart() throws {
        let node = try NodeHarness()
        let stale = Forward(
            correlation: 8, start: 1, sequence: 1, receiver: node.record.start.session + 1,
            request: put(try node.ownKey()))
        let effects = node.handle(.message(.forward(stale), from: node.members[1]))
        #expect(effects.storage.isEmpty)
        guard effects.sent.count == 1, case .forwarded(let answer) = effects.sent[0].message,
            case .failed(let failure) = answer.reply
        else {
            Issue.record("\(effects.sent)")
            return
        }
        #expect(failure.consequence == .outcomeUnknown)
    }

    @Test("nothing is forwarded to a member that has not said how it started")
    func unknownStart() throws {
        let (node, key, holders) = try { () throws -> (NodeHarness, ObjectKey, [MemberID]) in
            let node = try NodeHarness(members: 5, links: 0)
            let key = try node.key { !$0.contains(node.me) }
            return (node, key, Array(node.map.holders(of: node.map.partition(of: key), n: 3)))
        }()
        for holder in holders { node.handle(.linkUp(holder)) }
        #expect(node.request(put(key)).failure == .notReady)
        node.link(holders[2])
        #expect(node.request(put(key)).forwards.first?.to == holders[2])
    }

    @Test("a coordinator does not forward again, and its answer goes to the node that asked")
    func coordinates() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let effects = forward(to: node, sequence: 1, correlation: 40, request: put(key))
        #expect(effects.forwards.isEmpty)
        let object = try NodeHarness.minted(effects.storage[0])
        let token = effects.storage[0].token
        let sent = node.handle(.storage(.minted(token, object))).replicates
        _ = node.handle(.storage(.written(token, durable: true)))
        let replicated = Replicated(correlation: sent[0].replicate.correlation, result: .success(true))
        let last = node.handle(.message(.replicated(replicated), from: sent[0].to))
        #expect(last.replies.isEmpty)
        guard last.sent.count == 1, case .forwarded(let answer) = last.sent[0].message, case .stored = answer.reply
        else {
            Issue.record("\(last.sent)")
            return
        }
        #expect(answer.correlation == 40 && last.sent[0].to == node.members[1])
    }

    @Test("a coordinator that may not mint yet says so to the node that asked")
    func coordinatorNotReady() throws {
        let record = NodeRecord(member: MemberID(rawValue: 1)).started(stoppedCleanly: false, random: 1)
            .started(stoppedCleanly: true, random: 2)
        let node = try NodeHarness(record: record, continuesIncarnation: true)
        let effects = forward(to: node, sequence: 1, request: put(try node.ownKey()))
        guard effects.sent.count == 1, case .forwarded(let answer) = effects.sent[0].message,
            case .failed(.notReady) = answer.reply
        else {
            Issue.record("\(effects.sent)")
            return
        }
    }

    @Test("a node whose own store cannot mint hands the write to another holder")
    func ownStoreRefuses() throws {
        for failure in [StorageFailure.full, .ended("fdatasync: EIO"), .failed("commit"), .damaged] {
            let node = try NodeHarness()
            let key = try node.ownKey()
            let token = node.request(put(key)).storage[0].token
            let effects = node.handle(.storage(.failed(token, failure)))
            #expect(effects.replies.isEmpty && effects.forwards.count == 1, "\(failure)")
            let (forward, holder) = effects.forwards[0]
            #expect(holder != node.me)
            let answer = Forwarded(correlation: forward.correlation, reply: .stored(nil))
            #expect(node.handle(.message(.forwarded(answer), from: holder)).isStored)
            #expect(node.requestsInFlight == 0 && node.statistics.passedOver == 1 && node.statistics.unavailable == 0)
        }
    }

    @Test("each holder is asked once, and the last one's refusal is the client's")
    func allRefuse() throws {
        let (node, key, holders) = try outsider()
        var effects = node.request(put(key))
        for holder in holders {
            #expect(effects.replies.isEmpty && effects.forwards.map(\.to) == [holder])
            let why = RequestFailure.storage(.ended("\(holder)"))
            let answer = Forwarded(correlation: effects.forwards[0].forward.correlation, reply: .failed(why))
            effects = node.handle(.message(.forwarded(answer), from: holder))
        }
        #expect(effects.failure == .storage(.ended("\(holders[2])")))
        #expect(effects.sent.isEmpty && node.requestsInFlight == 0)
        #expect(node.statistics.passedOver == 3 && node.statistics.unavailable == 1)
    }

    @Test("a coordinator is passed over only for a reason of its own, and never when it may have minted")
    func notPassedOver() throws {
        let failures: [RequestFailure] = [
            .timedOut(.w, needed: 2, got: 1, milliseconds: 9), .notEnoughReplies(.w, needed: 2, got: 1),
            .coordinatorLost("b"), .overloaded(waiting: 9, limit: 9), .storage(.overloaded),
            .storage(.tooManySiblings(count: 9, limit: 9)), .storage(.tooLarge(bytes: 9, limit: 9)),
            .tooFewReachable(.w, needed: 2, reachable: 1), .objectTooLarge(bytes: 9, limit: 9),
        ]
        for failure in failures {
            let (node, key, holders) = try outsider()
            let forward = node.request(put(key)).forwards[0].forward
            let answer = Forwarded(correlation: forward.correlation, reply: .failed(failure))
            let effects = node.handle(.message(.forwarded(answer), from: holders[0]))
            #expect(effects.sent.isEmpty && effects.failure == failure)
        }
    }

    @Test("the next coordinator has the time that is left, and none is asked when it is over")
    func timeLeft() throws {
        let (node, key, holders) = try outsider()
        var request = put(key)
        request.timeoutMilliseconds = 800
        let first = node.request(request).forwards[0].forward
        #expect(first.request.timeoutMilliseconds == 800)
        node.pass(milliseconds: 300)
        let refusal = ClientReply.failed(.notReady)
        let effects = node.handle(
            .message(.forwarded(Forwarded(correlation: first.correlation, reply: refusal)), from: holders[0]))
        #expect(effects.forwards.map(\.to) == [holders[1]])
        #expect(effects.forwards[0].forward.request.timeoutMilliseconds == 500)
        #expect(node.pass(milliseconds: 499).replies.isEmpty)
        let late = node.pass(milliseconds: 1)
        #expect(late.sent.isEmpty && late.failure == .timedOut(.w, needed: 1, got: 0, milliseconds: 800))
    }

    @Test("a forward that could not be sent goes to the next holder at once")
    func undelivered() throws {
        let (node, key, holders) = try outsider()
        let forward = node.request(put(key)).forwards[0].forward
        let effects = node.handle(.undelivered(.forward(forward), to: holders[0]))
        #expect(effects.replies.isEmpty && effects.forwards.map(\.to) == [holders[1]])
    }
}
