import NIOCore
import Placement
import Testing
import Versions

@testable import Node

@Suite struct DeleteTests {
    private func finish(_ node: NodeHarness, _ mint: StorageRequest) throws -> NodeHarness.Effects {
        let object = try NodeHarness.minted(mint)
        #expect(object.newest.isTombstone)
        let sent = node.handle(.storage(.minted(mint.token, object))).replicates
        #expect(sent.count == 2, "a deletion is a version like any other")
        _ = node.handle(.storage(.written(mint.token, durable: true)))
        let replicated = Replicated(correlation: sent[0].replicate.correlation, result: .success(true))
        return node.handle(.message(.replicated(replicated), from: sent[0].to))
    }

    @Test("a delete with a context supersedes what that context saw, without reading")
    func withContext() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let seen = try NodeHarness.object("seen")
        let delete = DeleteRequest(key: key, context: NodeHarness.sealed(seen, for: key))
        let effects = node.request(.delete(delete))
        guard case .mint(let mint, _, _)? = effects.storage.first?.operation else {
            Issue.record("\(effects.storage)")
            return
        }
        #expect(mint.isTombstone && mint.context?.vector == seen.vector)
        #expect(mint.content.value.readableBytes == 0)
        #expect(try finish(node, effects.storage[0]).isDeleted)
    }

    @Test("a delete without a context reads R replicas and supersedes what it read")
    func withoutContext() throws {
        let node = try NodeHarness()
        let effects = node.request(.delete(DeleteRequest(key: try node.ownKey())))
        #expect(effects.storage.count == 1 && effects.fetches.count == 1)
        let left = try NodeHarness.object("left", birth: 1)
        let right = try NodeHarness.object("right", birth: 2)
        _ = node.handle(.storage(.read(effects.storage[0].token, left)))
        let fetched = Fetched(correlation: effects.fetches[0].fetch.correlation, result: .success(right))
        let last = node.handle(.message(.fetched(fetched), from: effects.fetches[0].to))
        let mints = last.storage.filter { if case .mint = $0.operation { true } else { false } }
        guard case .mint(let mint, _, _)? = mints.first?.operation else {
            Issue.record("\(last.storage)")
            return
        }
        #expect(mint.context?.vector.descends(from: left.vector) == true)
        #expect(mint.context?.vector.descends(from: right.vector) == true)
        #expect(try finish(node, mints[0]).isDeleted)
    }

    @Test("a delete of what is not there writes nothing")
    func nothingThere() throws {
        let node = try NodeHarness()
        let effects = node.request(.delete(DeleteRequest(key: try node.ownKey())))
        _ = node.handle(.storage(.read(effects.storage[0].token, nil)))
        let fetched = Fetched(correlation: effects.fetches[0].fetch.correlation, result: .success(nil))
        let last = node.handle(.message(.fetched(fetched), from: effects.fetches[0].to))
        #expect(last.isNotFound && last.storage.isEmpty)
        #expect(node.requestsInFlight == 0)
    }

    @Test("reading and writing share the delete's time")
    func deadline() throws {
        let node = try NodeHarness()
        var delete = DeleteRequest(key: try node.ownKey())
        delete.r = .one
        delete.timeoutMilliseconds = 1000
        let effects = node.request(.delete(delete))
        node.pass(milliseconds: 600)
        let read = node.handle(.storage(.read(effects.storage[0].token, try NodeHarness.object("a"))))
        #expect(read.storage.count == 1)
        #expect(node.pass(milliseconds: 399).replies.isEmpty)
        #expect(node.pass(milliseconds: 1).failure?.consequence == .outcomeUnknown)
    }

    @Test("a read that fails fails the delete, and nothing was written")
    func readFails() throws {
        let node = try NodeHarness()
        var delete = DeleteRequest(key: try node.ownKey())
        delete.r = .all
        let effects = node.request(.delete(delete))
        let last = node.handle(.storage(.failed(effects.storage[0].token, .damaged)))
        #expect(last.failure == .notEnoughReplies(.r, needed: 3, got: 0))
        #expect(last.failure?.consequence == .unavailable)
        #expect(last.storage.isEmpty)
    }
}
