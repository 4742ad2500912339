import Engines
import Foundation
import NIOCore
import Placement
import RotorClient
import Testing

@testable import rotor

@Suite("A daemon that its own fault ends", .serialized)
struct CrashTests {
    private let key = ObjectKey(type: "default", bucket: "b", key: "k")

    private func log(_ daemons: Daemons, _ index: Int) -> String {
        (daemons.cluster.process(index)?.logTail(lines: 200) ?? []).joined(separator: "\n")
    }

    private func get(_ daemons: Daemons) async throws -> [String] {
        let client = daemons.client()
        let found = try await client.get(key)
        try await client.shutdown()
        return found.versions.map { String(buffer: $0.value) }
    }

    @Test("is started again: a sound store is read first and kept, a damaged one set aside and filled from the others")
    func faults() async throws {
        try await Daemons.run([.lmdb, .lmdb]) { daemons in
            let cluster = daemons.cluster
            let client = daemons.client()
            try await client.put(key, ByteBuffer(string: "v"), contentType: "text/plain", context: nil)
            try await client.shutdown()
            #expect(await cluster.end(0, with: SIGSEGV) == .signalled(SIGSEGV))
            try await daemons.restart(0)
            #expect(log(daemons, 0).contains("the last run ended by signal \(SIGSEGV)"))
            #expect(!log(daemons, 0).contains("set aside"))
            #expect(try await get(daemons) == ["v"])

            #expect(await cluster.end(0, with: SIGBUS) == .signalled(SIGBUS))
            let store = "\(cluster.folder)/data-\(cluster.members[0].name)/stores/default"
            try Self.overwrite(store + "/data")
            try await daemons.restart(0)
            #expect(log(daemons, 0).contains("damaged store set aside"))
            #expect(FileManager.default.fileExists(atPath: store))
            #expect(try await get(daemons) == ["v"], "R=2 of two, one of which is empty")
            #expect(try await get(daemons) == ["v"], "and mended")
        }
    }

    /// Everything in the engine's files is something else.
    private static func overwrite(_ folder: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let path = folder + "/" + name
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
            try Data(repeating: 0xA5, count: size).write(to: URL(fileURLWithPath: path))
        }
    }
}
