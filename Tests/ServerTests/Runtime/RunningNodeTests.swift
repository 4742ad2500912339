import Engines
import NIOCore
import Node
import Placement
import Testing
import Versions

@testable import Server

@Suite(.timeLimit(.minutes(2))) struct RunningNodeTests {
    @Test("what is put at one node is got at the others, on different engines")
    func putAndGet() async throws {
        let cluster = try TestCluster([.lmdb, .bdb, .sqlite])
        try await cluster.start()
        for number in 0..<50 { try await cluster.nodes[number % 3].put("k\(number)", "v\(number)") }
        for number in 0..<50 {
            for node in cluster.nodes { #expect(try await node.get("k\(number)", r: .all) == ["v\(number)"]) }
        }
        await cluster.stop()
    }

    @Test("a killed node is missed by nobody, and read repair gives it what it missed")
    func killed() async throws {
        let cluster = try TestCluster([.lmdb, .bdb, .sqlite])
        try await cluster.start()
        let (a, b, c) = (cluster.nodes[0], cluster.nodes[1], cluster.nodes[2])
        for number in 0..<20 { try await a.put("k\(number)", "old") }
        await c.stop(.abrupt)
        await a.unlinked(from: "c")
        await b.unlinked(from: "c")
        for number in 0..<20 {
            let node = cluster.nodes[number % 2]
            try await node.put("k\(number)", "new", context: try await node.context("k\(number)"))
            #expect(try await cluster.nodes[(number + 1) % 2].get("k\(number)") == ["new"])
        }
        try await c.startReady()
        await c.linked(to: "a")
        await c.linked(to: "b")
        for number in 0..<20 { #expect(try await c.get("k\(number)", r: .all) == ["new"]) }
        let repairs = try await c.status().counters["read_repairs"] ?? 0
        #expect(repairs >= 20)
        await cluster.stop()
    }

    @Test("a clean stop keeps the incarnation, a crash takes a new one, and every start raises the number")
    func incarnations() async throws {
        let cluster = try TestCluster([.lmdb, .bdb, .lmdb])
        try await cluster.start()
        let c = cluster.nodes[2]
        let first = try await c.status()
        #expect(first.start == 1)

        await c.stop(.clean)
        try await c.startReady()
        let second = try await c.status()
        #expect(second.start == 2)
        #expect(second.incarnation == first.incarnation)

        await c.stop(.abrupt)
        try await c.startReady()
        let third = try await c.status()
        #expect(third.start == 3)
        #expect(third.incarnation != first.incarnation)
        await cluster.stop()
    }

    @Test("an old copy of a data folder runs as a new incarnation, as its peers remember later starts")
    func oldCopy() async throws {
        let cluster = try TestCluster([.lmdb, .bdb, .lmdb])
        try await cluster.start()
        let c = cluster.nodes[2]
        let first = try await c.status()
        await c.stop(.clean)
        try cluster.temporary.copy("c", to: "copy")
        try await c.startReady()
        await c.linked(to: "a")
        await c.linked(to: "b")
        try await c.put("k", "v")
        await c.stop(.clean)
        try cluster.temporary.copy("copy", to: "c")

        try await c.startReady()
        let restored = try await c.status()
        #expect(c.log.count(of: "a member knows a later start of this node than its data") >= 1)
        #expect(restored.incarnation != first.incarnation)
        #expect(restored.start > 2)
        #expect(try await c.get("k") == ["v"])
        await cluster.stop()
    }

    @Test("a store that was emptied, or put back from a copy, means a new incarnation")
    func otherStore() async throws {
        let cluster = try TestCluster([.lmdb, .sqlite, .bdb])
        let node = cluster.nodes[0]
        try await cluster.start()
        let first = try await node.status()
        await node.stop(.clean)
        try cluster.temporary.copy("a/stores", to: "stores")
        try await node.startReady()
        #expect(try await node.status().incarnation == first.incarnation)
        await node.stop(.clean)

        try cluster.temporary.remove("a/stores")
        try cluster.temporary.copy("stores", to: "a/stores")
        try await node.startReady()
        let second = try await node.status()
        #expect(second.incarnation != first.incarnation)
        #expect(node.log.count(of: "stores are not those that the last start closed") == 1)
        await node.stop(.clean)

        try cluster.temporary.remove("a/stores")
        try await node.startReady()
        #expect(try await node.status().incarnation != second.incarnation)
        await cluster.stop()
    }

    @Test("a node that cannot write its record answers nothing any more, and says why it ends")
    func recordLost() async throws {
        let cluster = try TestCluster([.lmdb, .lmdb, .memory])
        try await cluster.start()
        let (a, b) = (cluster.nodes[0], cluster.nodes[1])
        try cluster.temporary.move("a/node", to: "a/lost")
        // The other's new start is to be remembered in the record.
        await b.stop(.clean)
        try await b.start()
        await a.log.line(with: "the node's record cannot be written, so it stops: write")
        let reply = try await a.perform(.get(GetRequest(key: ObjectKey(type: "default", bucket: "b", key: "k"))))
        guard case .failed(.notReady) = reply else {
            Issue.record("\(reply)")
            return
        }
        await #expect(throws: RuntimeFailure.self) { try await a.running?.ended.get() }
        await cluster.stop()
        #expect(a.log.count(of: "node stopped clean=false") == 1)
    }

    @Test("a node alone serves with fewer members than N")
    func alone() async throws {
        let cluster = try TestCluster([.bdb])
        try await cluster.start()
        let node = cluster.nodes[0]
        try await node.put("k", "v")
        #expect(try await node.get("k") == ["v"])
        let status = try await node.status()
        #expect(status.replicas == 1 && status.n == 3 && status.ready)
        let location = try #require(
            try node.running?.service.location(of: ObjectKey(type: "default", bucket: "b", key: "k")))
        #expect(location.preferenceList.map(\.node) == ["a"] && location.n == 1)
        await cluster.stop()
    }

    @Test("requests are answered when the node stops, and after it")
    func stopAnswers() async throws {
        let cluster = try TestCluster([.lmdb, .lmdb, .lmdb]) { $0.drainMilliseconds = 0 }
        try await cluster.start()
        let node = cluster.nodes[0]
        let running = try #require(node.running)
        let service = running.service
        let replies = await withTaskGroup(of: ClientReply.self, returning: [ClientReply].self) { group in
            for number in 0..<200 {
                group.addTask {
                    let key = ObjectKey(type: "default", bucket: "b", key: "k\(number)")
                    return await service.perform(
                        .put(PutRequest(key: key, content: .init(value: ByteBuffer(string: "v")))))
                }
            }
            group.addTask {
                await running.stop(.clean)
                return .deleted
            }
            var replies: [ClientReply] = []
            for await reply in group { replies.append(reply) }
            return replies
        }
        #expect(replies.count == 201)
        for reply in replies {
            switch reply {
            case .stored, .deleted, .failed(.coordinatorLost), .failed(.notReady): break
            default: Issue.record("\(reply)")
            }
        }
        guard
            case .failed(.notReady) = await service.perform(
                .get(GetRequest(key: ObjectKey(type: "default", bucket: "b", key: "k"))))
        else {
            Issue.record("answered after the stop")
            return
        }
        for other in cluster.nodes.dropFirst() { await other.stop(.clean) }
    }
}
