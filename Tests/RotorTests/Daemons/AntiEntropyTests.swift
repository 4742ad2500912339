import Engines
import Foundation
import Glibc
import NIOCore
import Placement
import RotorClient
import Testing

@testable import rotor

/// Anti-entropy (Dynamo §4.7) between real daemons: no client reads what is to be mended.
@Suite("What a replica lacks it gets from the others", .serialized)
struct AntiEntropyTests {
    private static let count = 200

    private func put(_ daemons: Daemons, _ name: String) async throws {
        let client = daemons.client()
        for number in 0..<Self.count {
            let key = ObjectKey(type: "default", bucket: "b", key: "\(name)-\(number)")
            try await client.put(key, ByteBuffer(string: "v"), contentType: "text/plain", context: nil)
        }
        try await client.shutdown()
    }

    /// What anti-entropy has mended at the daemon, by its own word and the others'.
    private func mended(_ daemons: Daemons, _ index: Int) async throws -> Int {
        var sum = 0
        for (member, endpoint) in daemons.endpoints.enumerated() {
            let client = ClusterClient(endpoints: [endpoint])
            sum += try await client.status().counters[member == index ? "keys_pulled" : "keys_pushed", default: 0]
            try await client.shutdown()
        }
        return sum
    }

    private func untilMended(_ daemons: Daemons, _ index: Int, _ count: Int) async throws {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(40)
        var last = 0
        while last < count, clock.now < end { last = try await mended(daemons, index) }
        #expect(last == count)
    }

    /// The objects in a store, as the program itself counts them while the daemon is stopped.
    private func objects(_ daemons: Daemons, _ index: Int) async throws -> Int {
        let member = daemons.cluster.members[index]
        let run = try await RotorRun(
            ["store", "check", "default", "--data", "\(daemons.cluster.folder)/data-\(member.name)", "--json"],
            folder: daemons.folder)
        let check = try JSONDecoder().decode([Check].self, from: run.output).first
        #expect(check?.damaged == 0)
        return check?.objects ?? 0
    }

    private struct Check: Decodable {
        var objects: Int
        var damaged: Int
    }

    @Test("a store that was wiped is filled again, whatever the engine", arguments: [EngineKind.lmdb, .bdb, .sqlite])
    func wiped(_ engine: EngineKind) async throws {
        try await Daemons.run([engine, .lmdb, .lmdb]) { daemons in
            try await put(daemons, "a")
            await daemons.cluster.end(0, with: SIGKILL)
            let store = "\(daemons.cluster.folder)/data-\(daemons.cluster.members[0].name)/stores/default"
            try FileManager.default.removeItem(atPath: store)
            try await daemons.restart(0)
            try await untilMended(daemons, 0, Self.count)
            await daemons.cluster.end(0, with: SIGTERM)
            #expect(try await objects(daemons, 0) == Self.count)
        }
    }

    @Test(
        "what was written while a member was away, without hints, it has soon after its return",
        arguments: [true, false])
    func missed(_ killed: Bool) async throws {
        let folder = try TemporaryFolder()
        let arguments = ["bench", "repair", "--keys", "600", "--missing", "100", "--value-size", "100", "--json"]
        let run = try await RotorRun(arguments + (killed ? ["--killed"] : []), folder: folder)
        #expect(run.status == 0, "\(run.errors)")
        let report = try JSONDecoder().decode(Report.self, from: run.output)
        #expect(report.repaired == 100 && report.read > 0)
    }

    private struct Report: Decodable {
        var repaired: Int
        var read: Int
    }
}
