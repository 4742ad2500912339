import Engines
import NIOCore
import Node
import Placement
import Testing

@testable import Server

/// Dynamo §4.6 on real sockets and disks.
@Suite(.timeLimit(.minutes(1))) struct HintedHandoffTests {
    private func counter(_ name: String, of nodes: [TestNode]) async throws -> Int {
        var sum = 0
        for node in nodes { sum += try await node.status().counters[name, default: 0] }
        return sum
    }

    @Test(
        "what is written while a holder is away is kept by stand-ins, over their restarts, and is there when it is back"
    )
    func handoff() async throws {
        let cluster = try TestCluster([.lmdb, .bdb, .sqlite, .lmdb, .sqlite])
        try await cluster.start()
        let away = cluster.nodes[2]
        await away.stop(.abrupt)
        for node in cluster.nodes where node !== away { await node.unlinked(from: away.name) }
        let writers = cluster.nodes.filter { $0 !== away }
        for number in 0..<60 {
            try await writers[number % writers.count].put("k\(number)", "v\(number)", w: .all)
        }
        let kept = try await counter("hints_kept", of: writers)
        #expect(kept > 0 && kept <= 60, "a hint for each write of which the node that is away is a holder")
        #expect(try await counter("hints_delivered", of: writers) == 0)

        // Those who keep hints are restarted, in good order and not.
        for (index, node) in writers.enumerated() {
            await node.stop(index % 2 == 0 ? .clean : .abrupt)
            try await node.startReady()
        }
        try await away.startReady()
        var delivered = 0
        while delivered < kept {
            try Task.checkCancellation()
            delivered = try await counter("hints_delivered", of: writers)
        }
        #expect(delivered == kept)
        // At R=1 a holder answers from its own copy.
        var own = 0
        for number in 0..<60 where try await away.isHolder(of: "k\(number)") {
            own += 1
            #expect(try await away.get("k\(number)", r: .one) == ["v\(number)"])
        }
        #expect(own == kept)
        for node in writers {
            let hints = try await node.status().stores.first { $0.name == DataFolder.hints }
            #expect(hints?.engine == "lmdb")
        }
        await cluster.stop()
    }

    @Test("a write is taken where no holder can be reached, and its holders have it in the end")
    func noHolder() async throws {
        let cluster = try TestCluster([.lmdb, .lmdb, .lmdb, .lmdb, .lmdb])
        try await cluster.start()
        let first = cluster.nodes[0]
        var name = ""
        for number in 0..<1000 where name.isEmpty {
            if try await !first.isHolder(of: "k\(number)") { name = "k\(number)" }
        }
        let key = ObjectKey(type: "default", bucket: "b", key: name)
        let holders = try #require(try first.running?.service.location(of: key)).preferenceList.prefix(3).map(\.node)
        let away = cluster.nodes.filter { holders.contains($0.name) }
        for node in away { await node.stop(.abrupt) }
        for node in cluster.nodes where !holders.contains(node.name) {
            for holder in holders { await node.unlinked(from: holder) }
        }
        try await first.put(name, "v", w: .count(2))
        #expect(try await first.get(name, r: .count(2)) == ["v"])
        #expect(try await first.status().counters["stand_in_writes"] == 1)
        for node in away { try await node.startReady() }
        // Two stand-ins kept it, for the first two; a read of all mends the third.
        let holder = try #require(away.first { $0.name == holders[0] })
        while try await holder.get(name, r: .one) != ["v"] { try Task.checkCancellation() }
        for node in away where node !== holder { await holder.linked(to: node.name) }
        #expect(try await holder.get(name, r: .all) == ["v"])
        await cluster.stop()
    }
}

extension TestNode {
    fileprivate func isHolder(of name: String) async throws -> Bool {
        guard let running else { throw NodeStopped() }
        let key = ObjectKey(type: "default", bucket: "b", key: name)
        return try running.service.location(of: key).preferenceList.prefix(3).contains { $0.node == self.name }
    }
}
