import Engines
import Foundation
import NIOCore
import Placement
import RotorClient
import Testing

@testable import rotor

@Suite("Three daemons on three engines", .serialized)
struct ClusterTests {
    @Test("one of them dies: the command line and the demo's crowd go on, and what they read back is compared")
    func failover() async throws {
        try await Daemons.run([.lmdb, .bdb, .sqlite]) { daemons in
            var objects = (0..<200).map { number in
                DemoObject(
                    key: ObjectKey(type: number % 2 == 0 ? "default" : "catalogue", bucket: "b", key: "\(number)"),
                    value: ByteBuffer(string: "value \(number)"))
            }
            let crowd = DemoCrowd(daemons.endpoints)
            let quiet = ProgressBar("", total: 0, isTerminal: false)
            let counts = await crowd.store(objects, bar: quiet) { [cluster = daemons.cluster] done in
                if done == 100 { cluster.process(0)?.signal(SIGKILL) }
            }
            try await crowd.shutdown()
            #expect(await daemons.cluster.process(0)?.ended() == .signalled(SIGKILL))
            #expect(counts.errors == [] && counts.done == 200)

            // The first endpoint is dead.
            #expect(try await daemons.rotor("put", "cart", "ann", "tea").status == 0)
            #expect(try await daemons.rotor("get", "cart", "ann").text == "tea")
            let all = try await daemons.rotor("put", "--pw", "all", "cart", "ann", "coffee")
            #expect(all.status == 3 && all.errors.hasPrefix("rotor: unavailable: "), "\(all.errors)")
            #expect(try await daemons.rotor("get", "cart", "ann").text == "tea")

            let readers = DemoCrowd(Array(daemons.endpoints.dropFirst()))
            #expect(await readers.verify(objects, bar: quiet).errors == [])
            // The comparison finds a single byte that differs, and an object that is not there.
            objects[7].value.setInteger(UInt8(ascii: "?"), at: 0)
            objects[8].key = ObjectKey(type: "default", bucket: "b", key: "none")
            let different = await readers.verify(objects, bar: quiet)
            #expect(different.errorCount == 2 && different.done == 200, "\(different.errors)")
            try await readers.shutdown()

            try await daemons.restart(0)
            #expect(
                try await daemons.rotor("get", "--connect", daemons.endpoints[0].description, "cart", "ann").text
                    == "tea")
        }
    }

    @Test("a node that stopped cleanly goes on as the incarnation it was, one that was killed as a new one")
    func incarnations() async throws {
        try await Daemons.run([.lmdb, .lmdb, .lmdb]) { daemons in
            let last = ClusterClient(endpoints: [daemons.endpoints[2]])
            let first = try await last.status()
            #expect(await daemons.cluster.end(2, with: SIGTERM) == .exited(0))
            try await daemons.restart(2)
            let second = try await last.status()
            #expect(second.incarnation == first.incarnation && second.start == first.start + 1)
            #expect(await daemons.cluster.end(2, with: SIGKILL) == .signalled(SIGKILL))
            try await daemons.restart(2)
            let third = try await last.status()
            #expect(third.incarnation != second.incarnation && third.start > second.start)
            try await last.shutdown()
        }
    }

    @Test("a load without keys of its own, and one that reads and writes, end without an error")
    func load() async throws {
        try await Daemons.run([.lmdb, .lmdb, .lmdb]) { daemons in
            let connect = daemons.endpoints.map(\.description).joined(separator: ",")
            for arguments in [[], ["--keys", "40", "--put-ratio", "0.5"]] {
                let run = try await RotorRun(
                    ["bench", "cluster", "--connect", connect, "--duration", "1", "--connections", "8", "--json"]
                        + arguments, folder: daemons.folder)
                #expect(run.status == 0, "\(run.errors)")
                let report = try #require(try JSONSerialization.jsonObject(with: run.output) as? [String: Any])
                #expect((report["errors"] as? [String: Int]) == [:])
                let puts = try #require(report["puts"] as? [String: Any])
                #expect((puts["count"] as? Int ?? 0) > 0)
            }
        }
    }
}
