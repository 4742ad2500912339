import Engines
import NIOConcurrencyHelpers
import NIOCore
import Node
import Placement
import Testing
import Versions

@testable import Server

/// One node, whose store's disk fails on demand.
@Suite(.timeLimit(.minutes(1))) struct SuspectStoreTests {
    private let cluster: TestCluster
    private var node: TestNode { cluster.nodes[0] }
    /// Of the node's present start.
    private let engine = NIOLockedValueBox<GatedEngine?>(nil)
    private let failsAtOpening = NIOLockedValueBox(false)
    private let mark = "a/node/suspect-default"

    init() throws {
        let (engine, failsAtOpening) = (engine, failsAtOpening)
        cluster = try TestCluster([.sqlite]) {
            $0.openEngine = { (store, path) throws(EngineError) in
                let opened = try EngineFactory.open(store.engine, at: path, options: store.options)
                guard store.name != DataFolder.hints else { return opened }
                let gated = GatedEngine(opened)
                if failsAtOpening.withLockedValue({ $0 }) { gated.failCommits(with: .syncFailed) }
                engine.withLockedValue { $0 = gated }
                return gated
            }
        }
    }

    private func gated() throws -> GatedEngine { try #require(engine.withLockedValue { $0 }) }

    /// Without other members that confirm it, the node takes a new incarnation a little later in any case.
    private func startedAs(new: Bool) -> Bool { node.log.count(of: "node starts clean=\(!new)") == 1 }

    private func putFails(_ key: String) async throws {
        let put = PutRequest(
            key: ObjectKey(type: "default", bucket: "b", key: key), content: Content(value: ByteBuffer(string: "v")))
        guard case .failed = try await node.perform(.put(put)) else {
            Issue.record("a put that the disk refused was answered as stored")
            return
        }
    }

    @Test("a failed sync leaves a mark outside the store; the next start says so, is a new incarnation, and removes it")
    func markedAndBack() async throws {
        try await node.startReady()
        try await node.put("k", "v")
        try gated().failCommits(with: .syncFailed)
        try await putFails("l")
        #expect(try cluster.temporary.text(of: mark).contains("the disk is gone (fsync: 5)"))
        #expect(node.log.count(of: "store ended, its objects are served by other members") == 1)
        await node.stop(.clean)
        #expect(cluster.temporary.exists(mark))

        try await node.startReady()
        #expect(node.log.count(of: "error store is suspect, as its last run ended by a failed sync") == 1)
        #expect(node.log.count(of: "the disk is gone (fsync: 5) store=default") == 1)
        #expect(startedAs(new: true))
        #expect(try await node.get("k") == ["v"])
        #expect(!cluster.temporary.exists(mark))
        await node.stop(.clean)

        try await node.startReady()
        #expect(node.log.count(of: "suspect") == 0)
        #expect(startedAs(new: false))
        await cluster.stop()
    }

    @Test("a mark beside a marker of a clean stop means a new incarnation all the same")
    func besideCleanStop() async throws {
        try await node.startReady()
        await node.stop(.clean)
        try cluster.temporary.write("a sync failed\n", to: mark)
        try await node.startReady()
        #expect(node.log.count(of: "reason=a sync failed store=default") == 1)
        #expect(startedAs(new: true))
        await cluster.stop()
    }

    @Test("a mark outlives starts that fail")
    func failedStart() async throws {
        try await node.startReady()
        try gated().failCommits(with: .syncFailed)
        try await putFails("k")
        await node.stop(.clean)
        failsAtOpening.withLockedValue { $0 = true }
        await #expect(throws: StartError.self) { try await node.start() }
        #expect(cluster.temporary.exists(mark))
        failsAtOpening.withLockedValue { $0 = false }
        try await node.startReady()
        #expect(node.log.count(of: "store is suspect") == 1)
        #expect(!cluster.temporary.exists(mark))
        await cluster.stop()
    }

    @Test("a close whose last sync fails leaves a mark")
    func failedClose() async throws {
        try await node.startReady()
        try gated().failClose()
        await node.stop(.clean)
        #expect(node.log.count(of: "node stopped clean=false") == 1)
        #expect(try cluster.temporary.text(of: mark) == "close: the disk is gone (fsync: 5)\n")
    }

    @Test("a store that is full, and one that is closed in good order, is not suspect")
    func full() async throws {
        try await node.startReady()
        try gated().failCommits(with: .full)
        try await putFails("k")
        await node.stop(.clean)
        #expect(!cluster.temporary.exists(mark))
    }

    @Test("a mark that cannot be written is said in the log")
    func unmarkable() async throws {
        try await node.startReady()
        try gated().failCommits(with: .syncFailed)
        try cluster.temporary.move("a/node", to: "a/lost")
        try await putFails("k")
        #expect(node.log.count(of: "store ended and cannot be marked as suspect") == 1)
        await cluster.stop()
    }
}
