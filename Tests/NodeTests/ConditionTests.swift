import NIOCore
import Placement
import Testing
import Versions

@testable import Node

@Suite struct ConditionTests {
    private func put(_ key: ObjectKey, if condition: WriteCondition, context: ByteBuffer? = nil) -> ClientRequest {
        var put = PutRequest(key: key, content: Content(value: ByteBuffer(string: "v")), context: context)
        put.condition = condition
        return .put(put)
    }

    /// A conditional write up to the end of its read: the own copy and another replica's say this.
    private func read(
        _ node: NodeHarness, _ request: ClientRequest, own: VersionedObject?, other: VersionedObject?
    ) throws -> NodeHarness.Effects {
        let effects = node.request(request)
        #expect(effects.storage.count == 1 && effects.fetches.count == 1, "R replicas are asked first")
        _ = node.handle(.storage(.read(effects.storage[0].token, own)))
        let fetch = try #require(effects.fetches.first)
        let fetched = Fetched(correlation: fetch.fetch.correlation, result: .success(other))
        return node.handle(.message(.fetched(fetched), from: fetch.to))
    }

    private func mint(_ effects: NodeHarness.Effects) -> StorageRequest? {
        effects.storage.first { if case .mint = $0.operation { true } else { false } }
    }

    @Test("a put where nothing may be is refused as soon as R replicas have something, and mints nothing")
    func exists() throws {
        let node = try NodeHarness()
        let object = try NodeHarness.object("there")
        let effects = try read(node, put(try node.ownKey(), if: .absent), own: nil, other: object)
        #expect(effects.failure == .conditionFailed(.exists))
        #expect(effects.failure?.consequence == .refused)
        #expect(mint(effects) == nil)
        #expect(node.requestsInFlight == 0)
    }

    @Test("a deleted object is none: it may be put where nothing may be, over its tombstone too")
    func deleted() throws {
        let node = try NodeHarness()
        let seen = try NodeHarness.object("old")
        let tombstone = try Mint(
            content: Content(), isTombstone: true, context: seen.context(),
            now: HybridTime(milliseconds: 1_700_000_000_000), policy: .siblings
        ).minted(onto: seen, actor: Actor(node: 8, incarnation: 1, birth: 0)).object
        let effects = try read(node, put(try node.ownKey(), if: .absent), own: tombstone, other: seen)
        let request = try #require(mint(effects))
        #expect(try NodeHarness.minted(request, onto: tombstone).newest.isTombstone == false)
    }

    @Test("the condition goes with the mint: what was written between the read and the mint refuses it too")
    func raced() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let seen = try NodeHarness.object("seen")
        let sealed = NodeHarness.sealed(seen, for: key)
        let effects = try read(
            node, put(key, if: .unchanged(since: sealed), context: sealed), own: seen, other: seen)
        let request = try #require(mint(effects))
        guard case .mint(let mint, _, _) = request.operation else { return }
        var raced = seen
        _ = raced.merge(try NodeHarness.object("raced", birth: 7), policy: .siblings)
        #expect(throws: MintRefusal.conditionFailed(.modified)) {
            try mint.minted(onto: raced, actor: Actor(node: 1, incarnation: 1, birth: 5))
        }
        let last = node.handle(.storage(.failed(request.token, .conditionFailed(.modified))))
        #expect(last.failure == .conditionFailed(.modified), "and no other holder is asked")
        #expect(last.forwards.isEmpty && last.replicates.isEmpty)
        #expect(node.requestsInFlight == 0)
    }

    @Test("what a client saw is unchanged on copies that are behind, and changed where anything is newer")
    func modified() throws {
        let old = try NodeHarness.object("old")
        let new = try Mint(
            content: Content(value: ByteBuffer(string: "new")), context: old.context(),
            now: HybridTime(milliseconds: 1_700_000_000_001), policy: .siblings
        ).minted(onto: old, actor: Actor(node: 9, incarnation: 1, birth: 0)).object
        for (seen, own, other, isDone) in [(new, old, new, true), (new, old, old, true), (old, old, new, false)] {
            let node = try NodeHarness()
            let key = try node.ownKey()
            let condition = WriteCondition.unchanged(since: NodeHarness.sealed(seen, for: key))
            let effects = try read(node, put(key, if: condition), own: own, other: other)
            #expect((mint(effects) != nil) == isDone)
            #expect(effects.failure == (isDone ? nil : .conditionFailed(.modified)))
        }
    }

    @Test("what is not there, or deleted, is not unchanged")
    func missing() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let condition = WriteCondition.unchanged(since: NodeHarness.sealed(try NodeHarness.object("gone"), for: key))
        #expect(try read(node, put(key, if: condition), own: nil, other: nil).failure == .conditionFailed(.missing))
    }

    @Test("a forged condition is refused before anything is read")
    func forged() throws {
        let node = try NodeHarness()
        let effects = node.request(put(try node.ownKey(), if: .unchanged(since: ByteBuffer(string: "forged"))))
        guard case .contextRefused? = effects.failure else {
            Issue.record("\(effects.replies)")
            return
        }
        #expect(effects.storage.isEmpty && effects.sent.isEmpty)
    }

    @Test("a delete with a condition is held to it like a put")
    func delete() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let seen = try NodeHarness.object("seen")
        var delete = DeleteRequest(key: key)
        delete.condition = .unchanged(since: NodeHarness.sealed(seen, for: key))
        let newer = try NodeHarness.object("newer", birth: 3)
        #expect(
            try read(node, .delete(delete), own: seen, other: newer).failure == .conditionFailed(.modified))
        let request = try #require(mint(try read(node, .delete(delete), own: seen, other: seen)))
        #expect(try NodeHarness.minted(request, onto: seen).isDeleted)
    }

    @Test("a node that is no holder hands a conditional put on with its condition")
    func forwarded() throws {
        let node = try NodeHarness(members: 5)
        let key = try node.key { !$0.contains(node.me) }
        let effects = node.request(put(key, if: .absent))
        guard case .put(let put)? = effects.forwards.first?.forward.request else {
            Issue.record("\(effects)")
            return
        }
        #expect(put.condition == .absent)
    }
}
