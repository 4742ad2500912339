import NIOCore
import Placement
import Testing
import Versions

@testable import Node

@Suite struct PutTests {
    private func replicated(
        _ node: NodeHarness, _ sent: (replicate: Replicate, to: MemberID), _ result: Result<Bool, ReplicaFailure>
    ) -> NodeHarness.Effects {
        let replicated = Replicated(correlation: sent.replicate.correlation, result: result)
        return node.handle(.message(.replicated(replicated), from: sent.to))
    }

    /// A put up to the moment when its version goes out.
    private func minted(
        _ node: NodeHarness, _ request: ClientRequest
    ) throws -> (token: StorageToken, sent: [(replicate: Replicate, to: MemberID)], object: VersionedObject) {
        let effects = node.request(request)
        let mint = try #require(effects.storage.first)
        #expect(effects.replies.isEmpty && effects.replicates.isEmpty, "nothing goes out before the mint")
        let object = try NodeHarness.minted(mint)
        let sent = node.handle(.storage(.minted(mint.token, object))).replicates
        return (mint.token, sent, object)
    }

    @Test("the version goes to all other replicas as soon as it is minted, and W of them make the answer")
    func answersAtW() throws {
        for w in 1...3 {
            let node = try NodeHarness()
            let put = try minted(
                node,
                put(try node.ownKey()) {
                    $0.w = .count(w)
                    $0.dw = .count(0)
                })
            #expect(put.sent.count == 2)
            var last = node.handle(.storage(.written(put.token, durable: false)))
            for sent in put.sent.prefix(w - 1) {
                #expect(last.replies.isEmpty, "W=\(w)")
                #expect(sent.replicate.object == put.object && sent.replicate.durability < .beforeAnswer)
                last = replicated(node, sent, .success(false))
            }
            #expect(last.isStored, "W=\(w)")
            // It waits a little for the others: one that fails now is stood in for.
            node.pass(milliseconds: 300)
            #expect(node.requestsInFlight == 0)
        }
    }

    @Test("the own copy is one replica like the others: W may be met without it")
    func withoutOwnCopy() throws {
        let node = try NodeHarness()
        let put = try minted(node, put(try node.ownKey()))
        _ = replicated(node, put.sent[0], .success(true))
        #expect(replicated(node, put.sent[1], .success(true)).isStored)
    }

    @Test("at DW=0 one replica makes the write durable behind its answer: the first that can be reached (Dynamo §6.1)")
    func durableReplica() throws {
        for down in [false, true] {
            let node = try NodeHarness(members: 4, links: 4)
            // This node is the second holder, so that the first is another.
            let key = try node.key { $0.count == 3 && $0[1] == node.me }
            let holders = Array(node.map.holders(of: node.map.partition(of: key), n: 3))
            if down { node.handle(.linkDown(holders[0])) }
            let effects = node.request(put(key) { $0.dw = .count(0) })
            let mint = try #require(effects.storage.first)
            guard case .mint(_, _, let own) = mint.operation else { return }
            let sent = node.handle(.storage(.minted(mint.token, try NodeHarness.minted(mint)))).replicates
            var durabilities = [node.me: own]
            for replica in sent { durabilities[replica.to] = replica.replicate.durability }
            let expected: [WriteDurability?] =
                down ? [nil, .afterAnswer, .sometime] : [.afterAnswer, .sometime, .sometime]
            #expect(holders.map { durabilities[$0] } == expected)
        }
    }

    @Test("DW counts synced copies only")
    func durable() throws {
        let node = try NodeHarness()
        let put = try minted(
            node,
            put(try node.ownKey()) {
                $0.w = .one
                $0.dw = .count(2)
            })
        #expect(put.sent.filter { $0.replicate.durability == .beforeAnswer }.count == 2)
        #expect(node.handle(.storage(.written(put.token, durable: true))).replies.isEmpty)
        #expect(replicated(node, put.sent[0], .success(false)).replies.isEmpty, "stored, not synced")
        #expect(replicated(node, put.sent[1], .success(true)).isStored)
    }

    @Test("when W or DW cannot be reached any more, the failure has its numbers")
    func impossible() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let first = try minted(node, put(key))
        _ = replicated(node, first.sent[0], .failure(.storage(.full)))
        #expect(
            replicated(node, first.sent[1], .failure(.stampAhead(milliseconds: 70_000))).failure
                == .notEnoughReplies(.w, needed: 2, got: 0))
        let second = try minted(
            node,
            put(key) {
                $0.w = .one
                $0.dw = .all
            })
        #expect(
            replicated(node, second.sent[0], .success(false)).failure == .notEnoughReplies(.dw, needed: 3, got: 0))
        #expect(node.statistics.outcomesUnknown == 2)
    }

    @Test("a commit that fails after the mint leaves the outcome to the other replicas")
    func ownCommitFails() throws {
        let node = try NodeHarness()
        let put = try minted(node, put(try node.ownKey()))
        #expect(node.handle(.storage(.failed(put.token, .full))).replies.isEmpty)
        _ = replicated(node, put.sent[0], .success(true))
        #expect(replicated(node, put.sent[1], .success(true)).isStored)
    }

    @Test("a mint that is refused fails the put, and nothing goes out")
    func mintRefused() throws {
        let node = try NodeHarness()
        let effects = node.request(put(try node.ownKey()))
        let failure = StorageFailure.tooManySiblings(count: 101, limit: 100)
        let last = node.handle(.storage(.failed(effects.storage[0].token, failure)))
        #expect(last.failure == .storage(failure) && last.sent.isEmpty)
        #expect(last.failure?.consequence == .refused)
    }

    @Test("a repeated acknowledgement counts once")
    func repeatedAcknowledgement() throws {
        let node = try NodeHarness()
        let put = try minted(node, put(try node.ownKey()) { $0.w = .all })
        for _ in 0..<3 { #expect(replicated(node, put.sent[0], .success(true)).replies.isEmpty) }
        _ = node.handle(.storage(.written(put.token, durable: true)))
        #expect(replicated(node, put.sent[1], .success(true)).isStored)
    }

    @Test("a link that goes down in the middle counts as a replica that failed")
    func linkDown() throws {
        let node = try NodeHarness()
        let put = try minted(node, put(try node.ownKey()) { $0.w = .all })
        #expect(
            node.handle(.linkDown(put.sent[0].to)).failure == .notEnoughReplies(.w, needed: 3, got: 0))
    }

    @Test("a put that gets no answers fails at its deadline, with the numbers")
    func deadline() throws {
        let node = try NodeHarness()
        let put = try minted(node, put(try node.ownKey()) { $0.timeoutMilliseconds = 700 })
        _ = node.handle(.storage(.written(put.token, durable: true)))
        let effects = node.pass(milliseconds: 700)
        #expect(effects.failure == .timedOut(.w, needed: 2, got: 1, milliseconds: 700))
        #expect(effects.failure?.consequence == .outcomeUnknown)
        #expect(node.requestsInFlight == 0)
        #expect(replicated(node, put.sent[0], .success(true)).replies.isEmpty, "a late answer changes nothing")
    }

    @Test("fewer reachable replicas than asked for is known before anything is minted")
    func tooFewReachable() throws {
        let node = try NodeHarness(links: 1)
        let key = try node.ownKey()
        for (kind, change) in [
            (QuorumKind.w, { (put: inout PutRequest) in put.w = .all }), (.pw, { $0.pw = .all }),
            (.dw, { $0.dw = .all }),
        ] {
            let effects = node.request(put(key, change))
            #expect(effects.failure == .tooFewReachable(kind, needed: 3, reachable: 2))
            #expect(effects.storage.isEmpty)
            #expect(effects.failure?.consequence == .unavailable)
        }
    }

    @Test("with fewer members than N, N counts as their number")
    func fewMembers() throws {
        let node = try NodeHarness(members: 2, n: 3)
        let key = try node.ownKey()
        let all = try minted(node, put(key) { $0.w = .all })
        #expect(all.sent.count == 1)
        _ = node.handle(.storage(.written(all.token, durable: true)))
        #expect(replicated(node, all.sent[0], .success(true)).isStored)
        let three = try minted(node, put(key) { $0.w = .count(3) })
        _ = node.handle(.storage(.written(three.token, durable: true)))
        #expect(replicated(node, three.sent[0], .success(true)).isStored)
        var get = GetRequest(key: key)
        get.r = .all
        let read = node.request(.get(get))
        _ = node.handle(.storage(.read(read.storage[0].token, nil)))
        let fetched = Fetched(correlation: read.fetches[0].fetch.correlation, result: .success(nil))
        #expect(node.handle(.message(.fetched(fetched), from: read.fetches[0].to)).isNotFound)
        let alone = try NodeHarness(members: 1, n: 3)
        let own = try minted(alone, put(key))
        #expect(own.sent.isEmpty)
        #expect(alone.handle(.storage(.written(own.token, durable: true))).isStored)
    }

    @Test("returnBody answers with the object as minted and its context")
    func returnBody() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let put = try minted(
            node,
            put(key) {
                $0.returnBody = true
                $0.w = .one
                $0.dw = .count(0)
            })
        let reply = node.handle(.storage(.written(put.token, durable: false))).replies.first?.reply
        guard case .stored(let found?) = reply else {
            Issue.record("\(String(describing: reply))")
            return
        }
        #expect(found.object == put.object)
        let context = try Context.opened(found.context, with: NodeHarness.contextKey, boundTo: key.canonicalBytes)
        #expect(context.vector == put.object.vector && context.fastest == node.me.rawValue)
    }

    @Test("the context of the put, opened, goes into the mint")
    func contextHandedOn() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let seen = try NodeHarness.object("seen")
        let effects = node.request(put(key) { $0.context = NodeHarness.sealed(seen, for: key) })
        guard case .mint(let mint, let minter, .beforeAnswer)? = effects.storage.first?.operation else {
            Issue.record("\(effects.storage)")
            return
        }
        #expect(mint.context?.vector == seen.vector)
        #expect(minter == Minter(node: node.me.rawValue, incarnation: node.record.start.incarnation))
        #expect(effects.storage[0].partition == node.map.partition(of: key))
    }

    @Test("a link that goes down between the request and its mint is not waited for")
    func linkDownBeforeMint() throws {
        let node = try NodeHarness()
        let mint = try #require(node.request(put(try node.ownKey()) { $0.w = .all }).storage.first)
        node.handle(.linkDown(node.members[1]))
        node.handle(.linkDown(node.members[2]))
        let effects = node.handle(.storage(.minted(mint.token, try NodeHarness.minted(mint))))
        #expect(effects.sent.isEmpty)
        #expect(effects.failure == .notEnoughReplies(.w, needed: 3, got: 0))
        node.handle(.storage(.written(mint.token, durable: true)))
        #expect(node.requestsInFlight == 0)
    }

    @Test("a replica that the version could not be sent to is not waited for")
    func undelivered() throws {
        let node = try NodeHarness()
        let put = try minted(node, put(try node.ownKey()) { $0.w = .all })
        let effects = node.handle(.undelivered(.replicate(put.sent[1].replicate), to: put.sent[1].to))
        #expect(effects.failure == .notEnoughReplies(.w, needed: 3, got: 0))
    }

    @Test("where the last write wins, a coordinator whose clock was far ahead lets another mint")
    func clockAhead() throws {
        let siblings = BucketType(name: "carts", store: "main", n: 3)
        var record = NodeRecord(member: MemberID(rawValue: 1)).started(stoppedCleanly: false, random: 77)
        record.clockCeiling = HybridTime(milliseconds: 1_700_000_000_000 + 7_200_000)
        let node = try NodeHarness(types: [Self.lastWriteWins(), siblings], record: record)
        let effects = node.request(put(try node.ownKey()))
        #expect(effects.storage.isEmpty)
        #expect(effects.forwards.count == 1)
        let cart = try node.key(type: "carts") { $0.contains(node.me) }
        #expect(node.request(put(cart)).storage.count == 1, "where siblings are kept it mints itself")
    }

    private static func lastWriteWins() -> BucketType {
        var type = BucketType(name: "default", store: "main", n: 3)
        type.policy = .lastWriteWins
        return type
    }

    @Test("an idle node keeps its reservation of stamps up with the clock, by deadlines of its own")
    func idle() throws {
        let node = try NodeHarness(types: [Self.lastWriteWins()])
        let records = node.pass(milliseconds: 60_000).records
        #expect((8...20).contains(records.count), "\(records.count) reservations of ten seconds in a minute")
        let mint = try #require(node.request(put(try node.ownKey())).storage.first)
        #expect(try NodeHarness.minted(mint).newest.stamp.milliseconds == node.now.wall)
    }

    @Test("where the last write wins, nothing is stamped behind the clock: another holder mints")
    func clockBehind() throws {
        let node = try NodeHarness(
            types: [Self.lastWriteWins(), BucketType(name: "carts", store: "main", n: 3)])
        // The machine was suspended for a while.
        node.milliseconds += 60_000
        node.persistsAtOnce = false
        let effects = node.request(put(try node.ownKey()))
        #expect(effects.storage.isEmpty)
        #expect(effects.forwards.count == 1)
        let cart = try node.key(type: "carts") { $0.contains(node.me) }
        #expect(node.request(put(cart)).storage.count == 1, "where siblings are kept it mints itself")
        let renewed = try #require(effects.records.last)
        node.handle(.persisted(revision: renewed.revision))
        let mint = try #require(node.request(put(try node.ownKey())).storage.first)
        #expect(try NodeHarness.minted(mint).newest.stamp.milliseconds == node.now.wall)
    }

    @Test("a node that nobody can stand in for says that its stamps are behind, and has written nothing")
    func clockBehindAlone() throws {
        let node = try NodeHarness(members: 1, n: 1, types: [Self.lastWriteWins()])
        node.milliseconds += 60_000
        node.persistsAtOnce = false
        let effects = node.request(put(ObjectKey(type: "default", bucket: "b", key: "k")))
        guard case .clockBehind(let milliseconds)? = effects.failure else {
            Issue.record("\(effects.replies)")
            return
        }
        #expect((1...60_000).contains(milliseconds))
        #expect(effects.failure?.consequence == .unavailable)
        #expect(effects.storage.isEmpty)
    }
}
