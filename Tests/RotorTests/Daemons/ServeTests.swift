import Engines
import Foundation
import NIOCore
import Placement
import RotorClient
import Testing

@testable import rotor

@Suite("The daemon as a process", .serialized)
struct ServeTests {
    @Test("acknowledged writes outlive SIGKILL and a new start, on each engine")
    func kill() async throws {
        for engine in [EngineKind.lmdb, .bdb, .sqlite] {
            try await Daemons.run([engine]) { daemons in
                let client = daemons.client()
                // Writers go on until the node is dead: some writes are under way when it dies.
                let stored = await Self.store(client, killAfter: 150) {
                    daemons.cluster.process(0)?.signal(SIGKILL)
                }
                try await client.shutdown()
                #expect(await daemons.cluster.process(0)?.ended() == .signalled(SIGKILL))
                try await daemons.restart(0)

                let reader = daemons.client()
                for number in stored {
                    let found = try await reader.get(Self.key(number))
                    #expect(
                        found.versions.map { String(buffer: $0.value) } == ["value \(number)"], "\(engine): \(number)")
                }
                try await reader.shutdown()
                #expect(stored.count >= 150, "\(engine)")
            }
        }
    }

    private static func key(_ number: Int) -> ObjectKey {
        ObjectKey(type: "default", bucket: "numbers", key: "\(number)")
    }

    /// The numbers whose writes were acknowledged.
    private static func store(
        _ client: ClusterClient, killAfter: Int, kill: @escaping @Sendable () -> Void
    ) async -> [Int] {
        await withTaskGroup(of: [Int].self) { group in
            let counter = Counter()
            for writer in 0..<8 {
                group.addTask {
                    var stored: [Int] = []
                    for step in 0..<10_000 {
                        let number = step * 8 + writer
                        do throws(RotorClientError) {
                            try await client.put(
                                key(number), ByteBuffer(string: "value \(number)"), contentType: "text/plain",
                                context: nil)
                        } catch {
                            return stored
                        }
                        stored.append(number)
                        if await counter.next() == killAfter { kill() }
                    }
                    return stored
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }

    @Test("SIGTERM ends it with 0 and leaves the clean-stop marker; the next start consumes it")
    func terminate() async throws {
        try await Daemons.run([.lmdb]) { daemons in
            let marker = daemons.cluster.folder + "/data-a/node/clean-stop"
            #expect(!FileManager.default.fileExists(atPath: marker))
            let before = try await Self.report(daemons)
            _ = try await daemons.rotor("put", "cart", "ann", "tea")
            #expect(await daemons.cluster.end(0, with: SIGTERM) == .exited(0))
            #expect(FileManager.default.fileExists(atPath: marker))
            try await daemons.restart(0)
            #expect(!FileManager.default.fileExists(atPath: marker))
            let after = try await Self.report(daemons)
            #expect(after.start > before.start)
            #expect(daemons.cluster.process(0)?.logTail(lines: 10).contains { $0.contains("clean=true") } == true)
            #expect(try await daemons.rotor("get", "cart", "ann").text == "tea")
            #expect(await daemons.cluster.end(0, with: SIGINT) == .exited(0))
        }
    }

    private static func report(_ daemons: Daemons) async throws -> NodeReport {
        let client = daemons.client()
        let report = try await client.status()
        try await client.shutdown()
        return report
    }

    @Test("a data folder and a port that a daemon holds are refused to another, in one line")
    func inUse() async throws {
        try await Daemons.run([.lmdb]) { daemons in
            let ports = try FreePorts.find(2).map { "127.0.0.1:\($0)" }
            let same = try await RotorRun(
                [
                    "serve", "--config", daemons.cluster.folder + "/a.yaml", "--listen-http", ports[0],
                    "--listen-cluster", ports[1], "--log-level", "critical",
                ], folder: daemons.folder)
            #expect(same.status == 2 && same.errors.split(separator: "\n").count == 1, "\(same.errors)")
            let owner = try #require(daemons.cluster.process(0)?.identifier)
            #expect(same.errors.contains("data-a") && same.errors.contains("\(owner)"), "\(same.errors)")

            let http = daemons.endpoints[0].description
            let port = try await RotorRun(
                [
                    "serve", "--node-data", daemons.folder.path + "/other", "--listen-http", http,
                    "--listen-cluster", ports[1], "--log-level", "critical",
                ], folder: daemons.folder)
            #expect(port.status == 2 && port.errors.split(separator: "\n").count == 1, "\(port.errors)")
            #expect(port.errors.contains(http) && port.errors.contains("in use"), "\(port.errors)")
            #expect(try await daemons.rotor("put", "cart", "ann", "tea").status == 0)
        }
    }

    @Test("a configuration is refused with a line for each mistake, its place and what is allowed")
    func configuration() async throws {
        let folder = try TemporaryFolder()
        let text = """
            node: { name: a, wait: 3 }
            stores:
              default: { engine: rocks }
            cluster: { n: 3 }
            bucket_types:
              default: { store: default, w: 4 }
            """
        try text.write(toFile: folder.path + "/bad.yaml", atomically: true, encoding: .utf8)
        let run = try await RotorRun(["serve", "--config", "bad.yaml"], folder: folder)
        #expect(run.status == 2 && run.output.isEmpty)
        let lines = run.errors.split(separator: "\n")
        #expect(lines.count == 3, "\(run.errors)")
        #expect(lines.contains { $0.hasPrefix("rotor: bad.yaml:1: node.wait: ") }, "\(run.errors)")
        #expect(lines.contains { $0.hasPrefix("rotor: bad.yaml:3: stores.default.engine: ") && $0.contains("lmdb") })
        #expect(lines.contains { $0.hasPrefix("rotor: bad.yaml:6: bucket_types.default.w: ") }, "\(run.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/rotor-data"))

        #expect(try await RotorRun(["serve", "--config", "none.yaml"], folder: folder).status == 2)
        for wrong in [["--no-such-flag", "1"], ["foo"], ["foo=1"], ["--node-weight", "0"]] {
            let run = try await RotorRun(["serve"] + wrong, folder: folder)
            #expect(run.status == 64, "\(wrong): \(run.errors)")
        }
        let environment = try await RotorRun(["serve"], folder: folder, environment: ["ROTOR_CLUSTER_N": "many"])
        #expect(environment.status == 2 && environment.errors.contains("ROTOR_CLUSTER_N"), "\(environment.errors)")
    }
}

private actor Counter {
    private var count = 0

    func next() -> Int {
        count += 1
        return count
    }
}
