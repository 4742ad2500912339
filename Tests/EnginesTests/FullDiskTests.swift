import Engines
import Foundation
import Testing

@testable import engine_torture

/// A file system of 160 MB, in a namespace of its own: it is gone with the process.
@Suite("A full disk", .serialized)
struct FullDiskTests {
    /// Where the kernel lets an ordinary user mount nothing, not even in a namespace of his own, there is no such disk.
    static let canMount = (try? run("true"))?.status == 0

    @Test(
        "refuses what does not fit, serves what is there, and takes more as soon as there is room",
        .enabled(if: canMount, "unshare(1) and mount(8) are not allowed here"), arguments: KillTests.stores)
    func filling(store: KillTests.Store) throws {
        let torture = try TortureChild.built("engine-torture")
        let ended = try Self.run(
            "head -c 120000000 /dev/zero > ballast && exec \(torture) \(store.kind.rawValue) "
                + "\(store.writePath.rawValue) store synced ballast fill")
        let counts = ended.output.split(separator: " ").compactMap { Int($0) }
        #expect(ended.status == 0 && counts.count == 2, "\(ended.output)")
        guard counts.count == 2 else { return }
        #expect(counts[0] > 0 && counts[1] >= counts[0] + 20, "\(counts)")
    }

    @Test("that cut Berkeley DB's file in the middle of a page does not keep the store from being opened")
    func partOfPage() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/store"
        let store = KillTests.Store(kind: .bdb, writePath: .direct)
        let engine = try store.open(path)
        for number in 1...30 { try engine.commit(TortureBatch.batch(number), durability: .synced) }
        try engine.close()
        let file = path + "/data/entries.db"
        let whole = try #require(try FileCalls.length(of: file, operation: "check"))
        try FileCalls.setLength(of: file, whole + 4096, operation: "cut")
        let again = try store.open(path)
        #expect(try TortureBatch.check(again, acknowledged: 30) == 30)
        try again.commit(TortureBatch.batch(31), durability: .synced)
        try again.close()
        #expect(try FileCalls.length(of: file, operation: "check").map { $0 % 16_384 } == 0)
    }

    /// Runs a command in an empty folder on a disk of 160 MB.
    private static func run(_ command: String) throws -> (status: Int32, output: String) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let mounted = "mount -t tmpfs -o size=160m tmpfs /mnt && cd /mnt && "
        process.arguments = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted + command]
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, said.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
