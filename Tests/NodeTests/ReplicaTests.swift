import NIOCore
import Placement
import Testing
import Versions

@testable import Node

/// What a node does for coordinators elsewhere.
@Suite struct ReplicaTests {
    private func replicate(
        _ node: NodeHarness, _ object: VersionedObject, _ key: ObjectKey, correlation: Correlation = 17,
        _ durability: WriteDurability = .beforeAnswer
    ) -> NodeHarness.Effects {
        let replicate = Replicate(correlation: correlation, key: key, object: object, durability)
        return node.handle(.message(.replicate(replicate), from: node.members[1]))
    }

    private func answer(_ effects: NodeHarness.Effects) -> Result<Bool, ReplicaFailure>? {
        guard effects.sent.count == 1, case .replicated(let replicated) = effects.sent[0].message else { return nil }
        return replicated.result
    }

    @Test("a version is acknowledged when the store has written it, with what the store says of its durability")
    func merge() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let object = try NodeHarness.object("a")
        for durability in [WriteDurability.sometime, .afterAnswer, .beforeAnswer] {
            let durable = durability == .beforeAnswer
            let effects = replicate(node, object, key, durability)
            #expect(effects.sent.isEmpty)
            guard case .merge(object, .siblings, durability)? = effects.storage.first?.operation else {
                Issue.record("\(effects.storage)")
                return
            }
            let written = node.handle(.storage(.written(effects.storage[0].token, durable: durable)))
            #expect(answer(written) == .success(durable))
        }
    }

    @Test("a store's failure is told as one")
    func failure() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let merge = replicate(node, try NodeHarness.object("a"), key)
        #expect(
            answer(node.handle(.storage(.failed(merge.storage[0].token, .full)))) == .failure(.storage(.full)))
        let fetch = node.handle(.message(.fetch(Fetch(correlation: 9, key: key)), from: node.members[1]))
        let failed = node.handle(.storage(.failed(fetch.storage[0].token, .damaged)))
        guard case .fetched(let fetched)? = failed.sent.first?.message else {
            Issue.record("\(failed.sent)")
            return
        }
        #expect(fetched.result == .failure(.storage(.damaged)) && fetched.correlation == 9)
    }

    @Test("a read repair is merged, and nobody is answered")
    func repair() throws {
        let node = try NodeHarness()
        let effects = replicate(node, try NodeHarness.object("a"), try node.ownKey(), correlation: 0, .sometime)
        #expect(effects.storage.count == 1)
        #expect(node.handle(.storage(.written(effects.storage[0].token, durable: false))).sent.isEmpty)
    }

    private func lastWriteWins() throws -> NodeHarness {
        var type = BucketType(name: "default", store: "main", n: 3)
        type.policy = .lastWriteWins
        return try NodeHarness(types: [type])
    }

    @Test("a stamp further ahead than clocks may differ is refused where the last write wins, one within is taken")
    func skew() throws {
        let node = try lastWriteWins()
        let key = try node.ownKey()
        #expect(replicate(node, try NodeHarness.object("a", at: 60_000), key).storage.count == 1)
        let effects = replicate(node, try NodeHarness.object("b", at: 60_001), key)
        #expect(answer(effects) == .failure(.stampAhead(milliseconds: 60_001)))
        #expect(effects.storage.isEmpty && node.statistics.stampsRefused == 1)
        node.milliseconds = 1
        #expect(replicate(node, try NodeHarness.object("b", at: 60_001), key).storage.count == 1)
    }

    @Test("where siblings are kept, a stamp decides nothing: no write is lost by one far ahead")
    func skewOfSiblings() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        #expect(replicate(node, try NodeHarness.object("a", at: 3_600_000), key).storage.count == 1)
        let request = ClientRequest.put(PutRequest(key: key, content: Content(value: ByteBuffer(string: "v"))))
        let mint = try NodeHarness.minted(try #require(node.request(request).storage.first))
        #expect(mint.newest.stamp.milliseconds < 1_700_000_100_000, "nor does it carry this node's clock away")
    }

    @Test("names that are too long for a store are refused before they fail the writes beside them")
    func names() throws {
        let node = try NodeHarness()
        let key = ObjectKey(type: "default", bucket: "b", key: String(repeating: "k", count: 2_049))
        let answer = answer(replicate(node, try NodeHarness.object("a"), key))
        #expect(answer == .failure(.storage(.tooLarge(bytes: 2_049, limit: 2_048))))
    }

    @Test("a bucket type that this node does not know is refused")
    func unknownType() throws {
        let node = try NodeHarness()
        let key = ObjectKey(type: "new", bucket: "b", key: "k")
        #expect(answer(replicate(node, try NodeHarness.object("a"), key)) == .failure(.unknownBucketType))
    }

    @Test("above the limit of operations, overload is answered at once")
    func overload() throws {
        let node = try NodeHarness { $0.maximumReplicaOperations = 2 }
        let key = try node.ownKey()
        let object = try NodeHarness.object("a")
        for _ in 0..<2 { #expect(replicate(node, object, key).storage.count == 1) }
        #expect(answer(replicate(node, object, key)) == .failure(.storage(.overloaded)))
    }

    @Test("a write minted here is later than any stamp taken from others")
    func clocksLearn() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let ahead = try NodeHarness.object("a", at: 3000)
        _ = replicate(node, ahead, key)
        let put = node.request(.put(PutRequest(key: key, content: Content())))
        guard case .mint(let mint, _, _)? = put.storage.first?.operation else {
            Issue.record("\(put.storage)")
            return
        }
        #expect(mint.now > ahead.newest.stamp)
    }
}
