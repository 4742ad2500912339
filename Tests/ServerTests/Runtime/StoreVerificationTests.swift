import Engines
import NIOConcurrencyHelpers
import Testing

@testable import Server

@Suite("A store that may have ended the last process", .timeLimit(.minutes(1)))
struct StoreVerificationTests {
    private let asked = NIOLockedValueBox<[String]>([])
    private let mark = "a/node/crashed"

    private func cluster(
        members: Int, _ verdict: StoreVerification.Verdict
    ) throws -> TestCluster {
        let asked = asked
        return try TestCluster(Array(repeating: .lmdb, count: members)) {
            $0.verification = StoreVerification { engine, path in
                guard !path.hasSuffix("/hints") else { return .readable }
                asked.withLockedValue { $0.append("\(engine) \(path.suffix(16))") }
                return verdict
            }
        }
    }

    private func crash(_ cluster: TestCluster) async throws {
        let node = cluster.nodes[0]
        try await node.startReady()
        await node.stop(.abrupt)
        #expect(try cluster.temporary.text(of: mark).isEmpty, "a kill leaves no mark")
        try cluster.temporary.write("\u{0B}", to: mark)
    }

    @Test("is read by another process before it is opened, and only then")
    func readable() async throws {
        let cluster = try cluster(members: 1, .readable)
        try await crash(cluster)
        #expect(asked.withLockedValue { $0 }.isEmpty)
        let node = cluster.nodes[0]
        try await node.startReady()
        #expect(asked.withLockedValue { $0 } == ["lmdb a/stores/default"])
        #expect(node.log.count(of: "the last run ended by signal 11") == 2, "of each store, and of that of hints")
        #expect(try cluster.temporary.text(of: mark).isEmpty)
        await cluster.stop()
    }

    @Test("is set aside where reading it ends the process and other members have its objects")
    func setAside() async throws {
        let cluster = try cluster(members: 2, .unreadable("reading it ends a process by signal 11"))
        try await crash(cluster)
        let node = cluster.nodes[0]
        try await node.startReady()
        #expect(node.log.count(of: "damaged store set aside") == 1)
        #expect(cluster.temporary.exists("a/stores/default~damaged-1/data"))
        #expect(cluster.temporary.exists("a/stores/default/data"))
        #expect(node.log.count(of: "node starts clean=false") == 1)
        await cluster.stop()
    }

    @Test("is left where it is, and the start refused, where nobody else has its objects")
    func alone() async throws {
        let cluster = try cluster(members: 1, .unreadable("reading it fails"))
        try await crash(cluster)
        do {
            try await cluster.nodes[0].start()
            Issue.record("started without its objects")
        } catch {
            #expect("\(error)".contains("reading it fails, and no other member has all of its objects: restore"))
        }
        #expect(cluster.temporary.exists("a/stores/default/data"))
        #expect(try cluster.temporary.text(of: mark) == "\u{0B}", "the next start looks again")
    }

    @Test("after a failed sync it is read likewise")
    func suspect() async throws {
        let cluster = try cluster(members: 1, .readable)
        let node = cluster.nodes[0]
        try await node.startReady()
        await node.stop(.clean)
        try cluster.temporary.write("a sync failed\n", to: "a/node/suspect-default")
        try await node.startReady()
        #expect(asked.withLockedValue { $0 }.count == 1)
        #expect(node.log.count(of: "the last run ended by a failed sync") == 1)
        await cluster.stop()
    }
}
