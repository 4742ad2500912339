import Engines
import Foundation
import NIOConcurrencyHelpers
import NIOCore
import Node
import Placement
import Testing
import Versions

@testable import Server

@Suite("What live nodes tell of themselves", .timeLimit(.minutes(1)))
struct NodeMetricsTests {
    private func metrics(_ node: TestNode) async throws -> ExpositionReader {
        guard let running = node.running else { throw NodeStopped() }
        return try ExpositionReader(String(buffer: await running.service.metrics()))
    }

    private func lacking(_ node: TestNode) async throws -> [String] {
        guard let running = node.running else { throw NodeStopped() }
        return await running.service.lacking()
    }

    @Test(
        "requests are counted where clients asked, each node of a process for itself; peers, stores and hints are told")
    func figures() async throws {
        let cluster = try TestCluster([.lmdb, .bdb, .sqlite])
        try await cluster.start()
        let (a, b) = (cluster.nodes[0], cluster.nodes[1])
        for number in 0..<30 { try await a.put("k\(number)", "v") }
        #expect(try await a.get("k1") == ["v"])
        #expect(try await a.get("none") == [])
        try await a.put("k1", "w")
        #expect(try await a.get("k1") == ["v", "w"])

        let told = try await metrics(a)
        #expect(told.names == told.names.sorted())
        #expect(told.value("rotor_requests_total", ["kind": "put", "outcome": "stored"]) == 31)
        #expect(told.value("rotor_requests_total", ["kind": "get", "outcome": "found"]) == 2)
        #expect(told.value("rotor_requests_total", ["kind": "get", "outcome": "not_found"]) == 1)
        #expect(told.value("rotor_request_duration_seconds_count", ["kind": "put", "outcome": "stored"]) == 31)
        #expect(told.value("rotor_get_versions_total", ["versions": "2"]) == 1)
        #expect(told.value("rotor_ready") == 1)
        #expect(told.value("rotor_peer_linked", ["peer": "b"]) == 1)
        #expect(told.value("rotor_peer_state", ["peer": "c", "state": "up"]) == 1)
        #expect(told.value("rotor_peer_state", ["peer": "c", "state": "down"]) == 0)
        #expect(told.value("rotor_peer_linked", ["peer": "a"]) == nil)
        #expect(told.value("rotor_store_info", ["store": "default", "engine": "lmdb"]) == 1)
        #expect(told.value("rotor_store_writes_total", ["store": "default"]).map { $0 >= 31 } == true)
        #expect(told.value("rotor_store_figures_missing", ["store": "hints"]) == 0)
        #expect(told.value("rotor_hints") == 0)
        #expect(told.value("rotor_build_info", ["version": RotorVersion.text]) == 1)
        #expect(told.value("process_open_fds").map { $0 > 3 } == true)
        #expect(told.value("process_resident_memory_bytes").map { $0 > 1_000_000 } == true)
        let started = try #require(told.value("process_start_time_seconds"))
        #expect((0..<86_400.0).contains(Date().timeIntervalSince1970 - started))

        let others = try await metrics(b)
        #expect(others.value("rotor_requests_total", ["kind": "put", "outcome": "stored"]) == 0)
        #expect(others.value("rotor_node_info", ["node": "b"]) == 1)
        await cluster.stop()
    }

    @Test("docs/metrics.md lists every figure that a node tells, with its type and labels, and no other")
    func documented() async throws {
        let cluster = try TestCluster([.lmdb, .lmdb, .lmdb])
        try await cluster.start()
        // As they come through a node's door, which has figures of its own.
        let door = try await OpenDoor.open(before: try #require(cluster.nodes[0].running?.service))
        let told = try ExpositionReader(try await door.get("/metrics").text)
        #expect(told.names == told.names.sorted())
        #expect(told.value("rotor_http_connections") == 1)
        #expect(try await door.get("/health/ready").text == "ready\n")
        try await door.close()
        await cluster.stop()
        let path = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/metrics.md").path
        let page = String(decoding: try #require(FileManager.default.contents(atPath: path)), as: UTF8.self)
        var documented: [String: (type: String, labels: Set<String>)] = [:]
        for line in page.split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let name = cells[0].trimmingCharacters(in: ["`"])
            guard name.hasPrefix("rotor_") || name.hasPrefix("process_"), cells.count > 2 else { continue }
            let labels = cells[2].split(separator: ", ").map { $0.trimmingCharacters(in: ["`"]) }
            #expect(documented.updateValue((cells[1], Set(labels)), forKey: name) == nil, "\(name) stands there twice")
        }
        #expect(documented.keys.sorted() == told.names)
        for (name, family) in told.families {
            #expect(documented[name]?.type == family.type, "\(name)")
            #expect(documented[name]?.labels == family.labelNames, "\(name)")
            #expect(!family.help.isEmpty && !family.help.contains("\\"), "\(name)")
            #expect((family.type == "counter") == name.hasSuffix("_total"), "\(name)")
        }
    }

    @Test(
        "a member that goes away is down and unlinked for the others, who keep hints, and is up again when it is back")
    func peers() async throws {
        let cluster = try TestCluster([.lmdb, .lmdb, .lmdb, .lmdb])
        try await cluster.start()
        let (a, d) = (cluster.nodes[0], cluster.nodes[3])
        await d.stop(.abrupt)
        for node in cluster.nodes where node !== d { await node.unlinked(from: "d") }
        #expect(try await metrics(a).value("rotor_peer_state", ["peer": "d", "state": "down"]) == 1)
        let peer = try #require(try await a.status().peers.first { $0.name == "d" })
        #expect(!peer.linked && peer.state == "down")
        #expect(try await a.status().peers.first { $0.name == "a" }?.state == "up")
        for number in 0..<20 { try await a.put("k\(number)", "v", w: .all) }
        var kept = 0.0
        for node in cluster.nodes where node !== d {
            let told = try await metrics(node)
            let hints = try #require(told.value("rotor_hints"))
            kept += hints
            #expect(told.value("rotor_hints_kept_total") == hints)
            #expect(try await node.status().hints.count == Int(hints))
            #expect((told.value("rotor_hint_bytes") ?? 0) > 0 || hints == 0)
        }
        #expect(kept > 0)

        try await d.startReady()
        await a.linked(to: "d", after: 1)
        while try await metrics(a).value("rotor_peer_state", ["peer": "d", "state": "up"]) != 1 {
            try Task.checkCancellation()
        }
        var left = kept
        while left > 0 {
            try Task.checkCancellation()
            left = 0
            for node in cluster.nodes { left += try await metrics(node).value("rotor_hints") ?? 1 }
        }
        await cluster.stop()
    }

    @Test("a node is ready when it may serve; without enough members it says how many it reaches")
    func members() async throws {
        let cluster = try TestCluster([.lmdb, .lmdb, .lmdb])
        try await cluster.start()
        let a = cluster.nodes[0]
        #expect(try await lacking(a) == [])
        #expect(await a.running?.service.isAlive() == true)
        await cluster.nodes[1].stop(.abrupt)
        await a.unlinked(from: "b")
        #expect(try await lacking(a) == [])
        await cluster.nodes[2].stop(.abrupt)
        await a.unlinked(from: "c")
        #expect(
            try await lacking(a) == [
                "too few members: 1 of 3 can be reached, this node among them, and every bucket type needs 2 or more"
            ])
        #expect(try await metrics(a).value("rotor_ready") == 0)
        await cluster.stop()
    }

    @Test("a node with an ended store is not ready and says which and why, and its figures say so, too")
    func endedStore() async throws {
        let engine = NIOLockedValueBox<GatedEngine?>(nil)
        let cluster = try TestCluster([.sqlite]) {
            $0.stores.append(RuntimeSettings.Store(name: "other", engine: .lmdb))
            $0.openEngine = { (store, path) throws(EngineError) in
                let opened = try EngineFactory.open(store.engine, at: path, options: store.options)
                guard store.name == "default" else { return opened }
                let gated = GatedEngine(opened)
                engine.withLockedValue { $0 = gated }
                return gated
            }
        }
        let node = cluster.nodes[0]
        try await node.startReady()
        try await node.put("k", "v")
        #expect(try await lacking(node) == [])
        try #require(engine.withLockedValue { $0 }).failCommits(with: .syncFailed)
        // The first one was minted before the sync failed.
        for _ in 0..<2 { await #expect(throws: UnexpectedReply.self) { try await node.put("k", "w") } }
        let lines = try await lacking(node)
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("store default has ended: ") == true)
        #expect(lines.first?.hasSuffix("the disk is gone (fsync: 5); mend the disk and restart this node") == true)
        let told = try await metrics(node)
        #expect(told.value("rotor_store_ended", ["store": "default"]) == 1)
        #expect(told.value("rotor_store_ended", ["store": "other"]) == 0)
        #expect(told.value("rotor_store_failed_groups_total", ["store": "default"]) == 1)
        #expect(told.value("rotor_request_failures_total", ["reason": "not_enough_replies"]) == 1)
        #expect(told.value("rotor_request_failures_total", ["reason": "store_ended"]) == 1)
        #expect(told.value("rotor_ready") == 0)
        await cluster.stop()
    }

    @Test("a commit that the disk holds up is a slow request in the node's log; a node that stops meanwhile says so")
    func slowRequest() async throws {
        let engine = NIOLockedValueBox<GatedEngine?>(nil)
        let cluster = try TestCluster([.memory]) {
            $0.slowRequestMilliseconds = 1
            $0.openEngine = { (store, path) throws(EngineError) in
                let gated = GatedEngine(try EngineFactory.open(store.engine, at: path, options: store.options))
                if store.name == "default" { engine.withLockedValue { $0 = gated } }
                return gated
            }
        }
        let node = cluster.nodes[0]
        try await node.startReady()
        let gate = try #require(engine.withLockedValue { $0 }).gate
        gate.close()
        let begun = NIODeadline.now()
        let running = try #require(node.running)
        let service = running.service
        let key = ObjectKey(type: "default", bucket: "b", key: "slow")
        async let stored = service.perform(.put(PutRequest(key: key, content: Content())))
        while try await node.status().requestsInFlight == 0 { try Task.checkCancellation() }
        while NIODeadline.now() - begun < .milliseconds(20) { await Task.yield() }
        async let stopped: Void = running.stop(.clean)
        while await service.lacking() != ["stopping: the node finishes what it has begun"] {
            try Task.checkCancellation()
        }
        gate.open()
        _ = await stored
        await stopped
        let line = await node.log.line(with: "slow request")
        #expect(line.contains("bucket=b bucket-type=default key=slow kind=put ms="))
        #expect(line.hasSuffix("outcome=stored"))
    }
}
