import NIOCore
import Placement
import Testing
import Versions

@testable import Node

/// One test for each claim of the Dynamo paper about a node's part in requests.
@Suite struct DynamoPaperTests {
    private func put(_ key: ObjectKey, context: ByteBuffer? = nil) -> ClientRequest {
        .put(PutRequest(key: key, content: Content(value: ByteBuffer(string: "v")), context: context))
    }

    @Test("§4.5: any storage node is eligible to receive gets and puts for any key")
    func anyNode() throws {
        let node = try NodeHarness(members: 6)
        for number in 0..<200 {
            let key = ObjectKey(type: "default", bucket: "b", key: "\(number)")
            let get = node.request(.get(GetRequest(key: key)))
            #expect(get.storage.count + get.fetches.count == 2, "\(key)")
            let write = node.request(put(key))
            #expect(write.storage.count + write.forwards.count == 1, "\(key)")
        }
    }

    @Test("§4.5: the coordinator of a put makes the new version, writes it locally, and sends it to the other N - 1")
    func putCoordination() throws {
        let node = try NodeHarness(members: 6)
        let key = try node.ownKey()
        let effects = node.request(put(key))
        guard case .mint? = effects.storage.first?.operation else {
            Issue.record("\(effects.storage)")
            return
        }
        let sent = node.handle(
            .storage(.minted(effects.storage[0].token, try NodeHarness.minted(effects.storage[0]))))
        let holders = node.map.holders(of: node.map.partition(of: key), n: 3)
        #expect(Set(sent.replicates.map(\.to)) == Set(holders.filter { $0 != node.me }))
    }

    @Test("§4.5: if at least W - 1 other nodes respond, the write is successful")
    func writeQuorum() throws {
        let node = try NodeHarness()
        let effects = node.request(put(try node.ownKey()))
        let token = effects.storage[0].token
        let sent = node.handle(.storage(.minted(token, try NodeHarness.minted(effects.storage[0])))).replicates
        #expect(node.handle(.storage(.written(token, durable: true))).replies.isEmpty)
        let answer = Replicated(correlation: sent[1].replicate.correlation, result: .success(true))
        #expect(node.handle(.message(.replicated(answer), from: sent[1].to)).isStored)
    }

    @Test("§4.5: a get waits for R responses, and returns all versions that are causally unrelated")
    func readQuorum() throws {
        let node = try NodeHarness()
        var request = GetRequest(key: try node.ownKey())
        request.r = .all
        let effects = node.request(.get(request))
        let first = try NodeHarness.object("first", birth: 1)
        let mint = Mint(
            content: Content(value: ByteBuffer(string: "second")), context: first.context(),
            now: HybridTime(milliseconds: 1_700_000_000_001), policy: .siblings)
        let second = try mint.minted(onto: first, actor: Actor(node: 8, incarnation: 1, birth: 0)).object
        let apart = try NodeHarness.object("apart", birth: 2)
        _ = node.handle(.storage(.read(effects.storage[0].token, first)))
        let answers = [second, apart]
        var last = NodeHarness.Effects()
        for (fetch, object) in zip(effects.fetches, answers) {
            let fetched = Fetched(correlation: fetch.fetch.correlation, result: .success(object))
            last = node.handle(.message(.fetched(fetched), from: fetch.to))
        }
        let values = last.found?.object.siblings.map { String(buffer: $0.content.value) }.sorted()
        #expect(values == ["apart", "second"], "what `second` had seen is not returned")
    }

    @Test("§5: after the answer, replicas that returned a stale version are updated (read repair)")
    func readRepair() throws {
        let node = try NodeHarness()
        var request = GetRequest(key: try node.ownKey())
        request.r = .all
        let effects = node.request(.get(request))
        let object = try NodeHarness.object("new")
        _ = node.handle(.storage(.read(effects.storage[0].token, object)))
        let results: [VersionedObject?] = [object, nil]
        var last = NodeHarness.Effects()
        for (fetch, result) in zip(effects.fetches, results) {
            let fetched = Fetched(correlation: fetch.fetch.correlation, result: .success(result))
            last = node.handle(.message(.fetched(fetched), from: fetch.to))
        }
        #expect(last.found != nil)
        #expect(last.replicates.map(\.to) == [effects.fetches[1].to], "the stale one, and no other")
        #expect(last.replicates.first?.replicate.object == object)
    }

    @Test("§5, §6.4: the node that replied fastest to the read coordinates the write that follows it")
    func fastestCoordinates() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let object = try NodeHarness.object("a")
        for fastest in node.members[1...] {
            let context = NodeHarness.sealed(object, fastest: fastest.rawValue, for: key)
            #expect(node.request(put(key, context: context)).forwards.first?.to == fastest)
        }
        let own = NodeHarness.sealed(object, fastest: node.me.rawValue, for: key)
        #expect(node.request(put(key, context: own)).storage.count == 1)
        let stranger = NodeHarness.sealed(object, fastest: 999, for: key)
        #expect(node.request(put(key, context: stranger)).storage.count == 1)
        node.handle(.linkDown(node.members[1]))
        let gone = NodeHarness.sealed(object, fastest: node.members[1].rawValue, for: key)
        #expect(node.request(put(key, context: gone)).storage.count == 1, "it cannot be reached: any holder will do")
    }

    @Test("§4.4: a put without a context supersedes nothing")
    func blindPut() throws {
        let node = try NodeHarness()
        let effects = node.request(put(try node.ownKey()))
        let stored = try NodeHarness.object("there")
        #expect(try NodeHarness.minted(effects.storage[0], onto: stored).siblings.count == 2)
    }

    @Test("§2.2, §6: N, R and W are each application's own")
    func applications() throws {
        var fast = BucketType(name: "fast", store: "main", n: 2)
        fast.r = .one
        fast.w = .one
        fast.dw = .count(0)
        var safe = BucketType(name: "safe", store: "main", n: 3)
        safe.r = .all
        let node = try NodeHarness(members: 6, types: [fast, safe])
        let fastKey = try node.key(type: "fast", n: 2) { $0.contains(node.me) }
        let safeKey = try node.key(type: "safe", n: 3) { $0.contains(node.me) }
        #expect(node.request(.get(GetRequest(key: fastKey))).fetches.isEmpty)
        #expect(node.request(.get(GetRequest(key: safeKey))).fetches.count == 2)
        let effects = node.request(put(fastKey))
        let sent = node.handle(
            .storage(.minted(effects.storage[0].token, try NodeHarness.minted(effects.storage[0]))))
        #expect(sent.replicates.count == 1)
        #expect(node.handle(.storage(.written(effects.storage[0].token, durable: false))).isStored)
    }
}
