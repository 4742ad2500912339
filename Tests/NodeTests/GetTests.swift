import NIOCore
import Placement
import Testing
import Versions

@testable import Node

@Suite struct GetTests {
    private func get(_ key: ObjectKey, _ change: (inout GetRequest) -> Void = { _ in }) -> ClientRequest {
        var request = GetRequest(key: key)
        change(&request)
        return .get(request)
    }

    /// Answers a fetch.
    private func answer(
        _ node: NodeHarness, _ sent: (fetch: Fetch, to: MemberID), _ result: Result<VersionedObject?, ReplicaFailure>
    ) -> NodeHarness.Effects {
        let fetched = Fetched(correlation: sent.fetch.correlation, result: result)
        return node.handle(.message(.fetched(fetched), from: sent.to))
    }

    @Test("a get asks R replicas, itself first, and answers when R have answered")
    func asksR() throws {
        for r in 1...3 {
            let node = try NodeHarness()
            let effects = node.request(get(try node.ownKey()) { $0.r = .count(r) })
            #expect(effects.storage.count == 1 && effects.fetches.count == r - 1, "R=\(r)")
            let object = try NodeHarness.object("a")
            var last = node.handle(.storage(.read(effects.storage[0].token, object)))
            for fetch in effects.fetches {
                #expect(last.replies.isEmpty)
                last = answer(node, fetch, .success(object))
            }
            #expect(last.found?.object == object, "R=\(r)")
            #expect(node.requestsInFlight == 0)
        }
    }

    @Test("any node coordinates a get of any key")
    func anyCoordinator() throws {
        let node = try NodeHarness(members: 5)
        let key = try node.key { !$0.contains(node.me) }
        let effects = node.request(get(key))
        #expect(effects.storage.isEmpty && effects.fetches.count == 2)
        let object = try NodeHarness.object("a")
        _ = answer(node, effects.fetches[0], .success(object))
        #expect(answer(node, effects.fetches[1], .success(object)).found?.object == object)
    }

    @Test("concurrent versions are all returned, under a context that covers them and names the fastest replica")
    func siblings() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let effects = node.request(get(key))
        let left = try NodeHarness.object("left", birth: 1)
        let right = try NodeHarness.object("right", birth: 2)
        _ = answer(node, effects.fetches[0], .success(right))
        let found = try #require(node.handle(.storage(.read(effects.storage[0].token, left))).found)
        #expect(found.object.siblings.count == 2)
        let context = try Context.opened(
            found.context, with: NodeHarness.contextKey, boundTo: key.canonicalBytes)
        #expect(context.vector.descends(from: left.vector) && context.vector.descends(from: right.vector))
        #expect(context.fastest == effects.fetches[0].to.rawValue)
    }

    @Test("a replica without the object counts towards R; all of them without it is 'not found'")
    func notFound() throws {
        let node = try NodeHarness()
        let effects = node.request(get(try node.ownKey()))
        #expect(node.handle(.storage(.read(effects.storage[0].token, nil))).replies.isEmpty)
        #expect(answer(node, effects.fetches[0], .success(nil)).isNotFound)
    }

    @Test("where not-found does not count, the other replicas are asked, and one copy is too few for R=2")
    func notFoundDoesNotCount() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let effects = node.request(get(key) { $0.notFoundOK = false })
        let second = node.handle(.storage(.read(effects.storage[0].token, nil)))
        #expect(second.fetches.count == 1, "the third replica is asked in the first one's place")
        #expect(answer(node, effects.fetches[0], .success(nil)).replies.isEmpty)
        let object = try NodeHarness.object("a")
        let last = answer(node, second.fetches[0], .success(object))
        #expect(last.failure == .notEnoughReplies(.r, needed: 2, got: 1))
        #expect(last.replicates.count == 1 && last.storage.count == 1, "and the two that had none are repaired")
    }

    @Test("where not-found does not count, it is the answer when no replica has the object")
    func notFoundAnywhere() throws {
        let node = try NodeHarness()
        let effects = node.request(
            get(try node.ownKey()) {
                $0.notFoundOK = false
                $0.r = .all
            })
        #expect(node.handle(.storage(.read(effects.storage[0].token, nil))).replies.isEmpty)
        #expect(answer(node, effects.fetches[0], .success(nil)).replies.isEmpty)
        #expect(answer(node, effects.fetches[1], .success(nil)).isNotFound)
    }

    @Test("with basic quorum, a majority without the object is enough for 'not found'")
    func basicQuorum() throws {
        let node = try NodeHarness()
        let effects = node.request(
            get(try node.ownKey()) {
                $0.notFoundOK = false
                $0.basicQuorum = true
                $0.r = .all
            })
        #expect(node.handle(.storage(.read(effects.storage[0].token, nil))).replies.isEmpty)
        #expect(answer(node, effects.fetches[0], .success(nil)).isNotFound)
    }

    @Test("a storage error is not 'not found': another replica is asked, and the bad copy is repaired")
    func damagedCopy() throws {
        let node = try NodeHarness()
        let effects = node.request(get(try node.ownKey()) { $0.r = .one })
        let next = node.handle(.storage(.failed(effects.storage[0].token, .damaged)))
        #expect(next.fetches.count == 1 && next.replies.isEmpty)
        let object = try NodeHarness.object("a")
        let last = answer(node, next.fetches[0], .success(object))
        #expect(last.found?.object == object)
        guard case .merge(object, .siblings, .sometime) = last.storage.first?.operation else {
            Issue.record("the own copy is not repaired: \(last.storage)")
            return
        }
        #expect(node.statistics.readRepairs == 1)
    }

    @Test("when R cannot be reached any more, the failure says how many were needed and got, and repair goes on")
    func impossible() throws {
        let node = try NodeHarness()
        let effects = node.request(get(try node.ownKey()) { $0.r = .all })
        let failed = node.handle(.storage(.failed(effects.storage[0].token, .damaged)))
        #expect(failed.failure == .notEnoughReplies(.r, needed: 3, got: 0))
        let object = try NodeHarness.object("a")
        #expect(answer(node, effects.fetches[0], .success(object)).storage.isEmpty)
        let last = answer(node, effects.fetches[1], .success(object))
        #expect(last.replies.isEmpty, "a request is answered once")
        #expect(last.storage.count == 1 && last.replicates.isEmpty, "the damaged copy is replaced")
        #expect(node.requestsInFlight == 0)
    }

    @Test("a slow replica is hedged by another, a late reply still repairs")
    func hedging() throws {
        let node = try NodeHarness()
        let effects = node.request(get(try node.ownKey()))
        let older = try NodeHarness.object("a")
        _ = node.handle(.storage(.read(effects.storage[0].token, older)))
        let hedge = node.pass(milliseconds: 30)
        #expect(hedge.fetches.count == 1 && hedge.fetches[0].to != effects.fetches[0].to)
        #expect(node.statistics.hedges == 1)
        let newer = try NodeHarness.object("b", birth: 1)
        let answered = answer(node, hedge.fetches[0], .success(newer))
        #expect(answered.found?.object.siblings.count == 2)
        let late = answer(node, effects.fetches[0], .success(nil))
        #expect(late.replies.isEmpty)
        #expect(late.replicates.count == 2 && late.storage.count == 1, "each had less than all together")
        for (replicate, _) in late.replicates { #expect(replicate.object.siblings.count == 2) }
        #expect(node.requestsInFlight == 0)
    }

    @Test("a reply that never comes is waited for after the answer, but not for ever")
    func settling() throws {
        let node = try NodeHarness()
        let effects = node.request(get(try node.ownKey()))
        _ = node.handle(.storage(.read(effects.storage[0].token, nil)))
        let hedge = node.pass(milliseconds: 30)
        _ = answer(node, hedge.fetches[0], .success(try NodeHarness.object("a")))
        #expect(node.requestsInFlight == 1)
        let end = node.pass(milliseconds: 1500)
        #expect(node.requestsInFlight == 0)
        #expect(end.storage.count == 1, "the own copy, which had none, is repaired at the end")
    }

    @Test("a repeated reply counts once, a stranger's or a stale one not at all")
    func repeatedReplies() throws {
        let node = try NodeHarness()
        let effects = node.request(get(try node.ownKey()) { $0.r = .all })
        let object = try NodeHarness.object("a")
        for _ in 0..<3 { #expect(answer(node, effects.fetches[0], .success(object)).replies.isEmpty) }
        var stale = effects.fetches[1]
        stale.fetch.correlation += 4
        #expect(answer(node, stale, .success(object)).replies.isEmpty)
        _ = node.handle(.storage(.read(effects.storage[0].token, object)))
        #expect(answer(node, effects.fetches[1], .success(object)).found != nil)
    }

    @Test("a link that goes down makes the next replica be asked at once")
    func linkDown() throws {
        let node = try NodeHarness()
        let effects = node.request(get(try node.ownKey()))
        let next = node.handle(.linkDown(effects.fetches[0].to))
        #expect(next.fetches.count == 1 && next.fetches[0].to != effects.fetches[0].to)
    }

    @Test("a replica whose link went down before it was asked is not waited for")
    func linkDownBefore() throws {
        let node = try NodeHarness()
        let effects = node.request(get(try node.ownKey()) { $0.r = .one })
        for peer in node.members[1...] { node.handle(.linkDown(peer)) }
        let last = node.handle(.storage(.failed(effects.storage[0].token, .damaged)))
        #expect(last.failure == .notEnoughReplies(.r, needed: 1, got: 0))
    }

    @Test("a get that gets no answers fails at its deadline, with the numbers")
    func deadline() throws {
        let node = try NodeHarness()
        node.request(
            get(try node.ownKey()) {
                $0.r = .all
                $0.timeoutMilliseconds = 400
            })
        let effects = node.pass(milliseconds: 400)
        #expect(effects.failure == .timedOut(.r, needed: 3, got: 0, milliseconds: 400))
        #expect(node.requestsInFlight == 0)
    }

    @Test("fewer reachable replicas than R or PR is known at once")
    func tooFewReachable() throws {
        let node = try NodeHarness(links: 1)
        let key = try node.ownKey()
        #expect(
            node.request(get(key) { $0.r = .all }).failure == .tooFewReachable(.r, needed: 3, reachable: 2))
        #expect(
            node.request(get(key) { $0.pr = .all }).failure == .tooFewReachable(.pr, needed: 3, reachable: 2))
    }

    @Test("a deleted object is not found, with the context that covers the deletion")
    func deleted() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let mint = Mint(
            content: Content(), isTombstone: true, context: nil, now: HybridTime(milliseconds: 1), policy: .siblings)
        let object = try mint.minted(onto: nil, actor: Actor(node: 3, incarnation: 1, birth: 0)).object
        let effects = node.request(get(key) { $0.r = .one })
        let reply = try #require(node.handle(.storage(.read(effects.storage[0].token, object))).replies.first?.reply)
        guard case .notFound(let context?) = reply else {
            Issue.record("\(reply)")
            return
        }
        let opened = try Context.opened(context, with: NodeHarness.contextKey, boundTo: key.canonicalBytes)
        #expect(opened.vector == object.vector)
    }
}
