import Engines
import NIOConcurrencyHelpers
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

    @Test("a member that tells of no later start is not believed, and nobody is alarmed")
    func ignoredConflict() async throws {
        let cluster = try TestCluster([.memory, .memory])
        let node = cluster.nodes[0]
        try await node.start()
        let running = try #require(node.running)
        let raw = try await RawPeerConnection(port: running.clusterAddress.port)
        let name = node.settings.founding.name
        let hello = PeerHello(
            cluster: node.settings.founding.clusterID, sender: MemberID.founding(cluster: name, name: "b"),
            receiver: MemberID.founding(cluster: name, name: "a"), session: 9)
        try await raw.send(.hello) { hello.write(into: &$0) }
        await node.linked(to: "b")
        let known = Message.startConflict(StartRecord(number: 0, session: 1, incarnation: 1))
        try await raw.send(.message) { MessageCoding.write(known, into: &$0) }
        // What comes behind it tells that it has been looked at.
        try await raw.send(.message) { $0.writeString("no message") }
        await node.unlinked(from: "b")
        #expect(node.log.count(of: "a member knows a later start") == 0)
        #expect(try await node.status().counters["start_conflicts"] == 0)
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

    @Test("the counters that have names of Riak's are counters of the node")
    func counterNames() async throws {
        let cluster = try TestCluster([.memory])
        try await cluster.start()
        let counters = try await cluster.nodes[0].status().counters
        for (counter, name) in StatsResource.counterNames { #expect(counters[counter] != nil, "\(name)") }
        await cluster.stop()
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

    private func wait(until isSo: () async throws -> Bool) async throws {
        while try await !isSo() {
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    @Test("a clean stop finishes what other nodes forwarded, and passes what they forward now to the next holder")
    func drained() async throws {
        let engines = NIOLockedValueBox<[String: GatedEngine]>([:])
        let cluster = try TestCluster([.memory, .memory, .memory, .memory]) {
            let name = $0.nodeName
            $0.openEngine = { (store, path) throws(EngineError) in
                let opened = try EngineFactory.open(store.engine, at: path, options: store.options)
                guard store.name != DataFolder.hints else { return opened }
                let gated = GatedEngine(opened)
                engines.withLockedValue { $0[name] = gated }
                return gated
            }
        }
        try await cluster.start()
        let d = cluster.nodes[3]
        let service = try #require(d.running?.service)
        var first = "d"
        var key = ObjectKey(type: "default", bucket: "b", key: "")
        for number in 0..<1000 where first == "d" {
            key = ObjectKey(type: "default", bucket: "b", key: "k\(number)")
            let places = try service.location(of: key).preferenceList.prefix(3).map(\.node)
            first = places.contains("d") ? "d" : places[0]
        }
        let coordinator = try #require(cluster.nodes.first { $0.name == first && first != "d" })
        let gate = try #require(engines.withLockedValue { $0[first] }).gate
        gate.close()
        let put = PutRequest(key: key, content: Content(value: ByteBuffer(string: "v")))
        // Until the coordinator has announced its start, others are asked. Who asks it waits at its gate.
        var brief = put
        brief.timeoutMilliseconds = 100
        while case .stored = await service.perform(.put(brief)) { try Task.checkCancellation() }
        try await wait { try await coordinator.status().requestsInFlight == 0 }
        async let early = service.perform(.put(put))
        try await wait { try await coordinator.status().requestsInFlight > 0 }

        let running = try #require(coordinator.running)
        async let stopped: Void = running.stop(.clean)
        var reply = await service.perform(.put(brief))
        while case .failed(.timedOut) = reply {
            try Task.checkCancellation()
            reply = await service.perform(.put(brief))
        }
        guard case .stored = reply else {
            Issue.record("late: \(reply)")
            return gate.open()
        }
        #expect(try await d.status().counters["coordinators_passed_over"] == 1)
        gate.open()
        guard case .stored = await early else {
            Issue.record("early: \(await early)")
            return
        }
        await stopped
        #expect(coordinator.log.count(of: "node stopped clean=true") == 1)
        for node in cluster.nodes where node.name != first { await node.stop(.clean) }
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
