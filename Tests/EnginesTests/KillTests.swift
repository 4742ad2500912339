import Engines
import Foundation
import Testing

@testable import engine_torture

@Suite("Killing a writing process", .serialized)
struct KillTests {
    static let kinds = [EngineKind.lmdb, .bdb, .sqlite]

    @Test(
        "leaves every acknowledged batch whole and no torn one, 20 times in the same folder",
        arguments: kinds)
    func synced(kind: EngineKind) throws {
        try killRepeatedly(kind, durability: "synced", times: 20, seed: 11)
    }

    @Test(
        "keeps what was acknowledged unsynced as well: only a crash of the machine may lose it",
        arguments: kinds)
    func unsynced(kind: EngineKind) throws {
        try killRepeatedly(kind, durability: "unsynced", times: 5, seed: 12)
    }

    @Test(
        "a full disk refuses batches with full, and the store goes on when there is room again", arguments: kinds,
        ["synced", "unsynced"])
    func fullDisk(kind: EngineKind, durability: String) throws {
        let folder = try TemporaryFolder()
        let store = folder.path + "/store"
        let child = try TortureChild(kind, store, durability, fileBytes: 600_000)
        let acknowledged = try child.kill(after: 60, commits: 1.5)
        #expect(child.wasFull, "600,000 bytes were enough for \(acknowledged) batches")
        try expectWhole(kind, store, acknowledged: acknowledged)
    }

    @Test("a store whose disk is full can be closed, and is whole then or when it is killed", arguments: kinds)
    func endedWhenFull(kind: EngineKind) throws {
        for (durability, end) in [("synced", "stay"), ("unsynced", "stay"), ("synced", "close"), ("unsynced", "close")]
        {
            try endWhenFull(kind, durability, end)
        }
    }

    private func endWhenFull(_ kind: EngineKind, _ durability: String, _ end: String) throws {
        // A range of places where the last write is cut short.
        for fileBytes in stride(from: 600_000, to: 640_000, by: 9_973) {
            let folder = try TemporaryFolder()
            let store = folder.path + "/store"
            let child = try TortureChild(kind, store, durability, fileBytes: fileBytes, then: end)
            let acknowledged = try child.killWhenFull()
            try expectWhole(kind, store, acknowledged: acknowledged, unanswered: 0)
        }
    }

    @Test("a store whose own file may not grow refuses with full, loses nothing and goes on", arguments: kinds)
    func fileLimit(kind: EngineKind) throws {
        let folder = try TemporaryFolder()
        let store = folder.path + "/store"
        // More than the longest of Berkeley DB's log files, which so are no part of this.
        let child = try TortureChild(kind, store, "unsynced", fileBytes: 40 << 20, then: "grow")
        let acknowledged = try child.killWhenFull()
        #expect(acknowledged * Ballast.perBatch > 100, "full after \(acknowledged) batches")
        let engine = try EngineFactory.open(kind, at: store)
        try Ballast.check(engine, acknowledged: acknowledged)
        try engine.close()
    }

    private func expectWhole(_ kind: EngineKind, _ store: String, acknowledged: Int, unanswered: Int = 1) throws {
        let engine = try EngineFactory.open(kind, at: store)
        let newest = try TortureBatch.check(engine, acknowledged: acknowledged)
        #expect(newest <= acknowledged + unanswered, "\(kind.rawValue): \(acknowledged) acknowledged, \(newest) there")
        try engine.commit(TortureBatch.batch(newest + 1), durability: .synced)
        #expect(try TortureBatch.check(engine, acknowledged: newest + 1) == newest + 1)
        try engine.close()
    }

    private func killRepeatedly(_ kind: EngineKind, durability: String, times: Int, seed: UInt64) throws {
        let folder = try TemporaryFolder()
        let store = folder.path + "/store"
        var random = SplitMix64(seed: seed)
        var newest = 0
        for round in 0..<times {
            // In the first milliseconds of its life, too: while it recovers from the kill before.
            let wanted = round % 5 == 4 ? 0 : Int.random(in: 1...80, using: &random)
            let child = try TortureChild(kind, store, durability)
            let acknowledged = try child.kill(after: wanted, commits: Double.random(in: 0...2, using: &random))
            let engine = try EngineFactory.open(kind, at: store)
            let found: Int
            do {
                found = try TortureBatch.check(engine, acknowledged: max(acknowledged, newest))
            } catch {
                Issue.record("\(kind.rawValue), seed \(seed), kill \(round): \(error)")
                try engine.close()
                return
            }
            try engine.close()
            // One batch may be under way at the kill.
            #expect(found <= max(acknowledged, newest) + 1, "\(kind.rawValue), seed \(seed), kill \(round)")
            newest = found
        }
        #expect(newest >= times, "\(kind.rawValue): only \(newest) batches in \(times) lives")
    }
}

/// A running `engine-torture`.
final class TortureChild {
    struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    private let process = Process()
    private let output = Pipe()
    private let errors = Pipe()
    /// Whether it met its limit for files.
    private(set) var wasFull = false

    init(_ kind: EngineKind, _ store: String, _ durability: String, fileBytes: Int? = nil, then: String? = nil)
        throws
    {
        process.executableURL = URL(fileURLWithPath: try Self.executable())
        process.arguments =
            [kind.rawValue, store, durability] + (fileBytes.map { ["\($0)"] } ?? []) + (then.map { [$0] } ?? [])
        process.standardOutput = output
        process.standardError = errors
        try process.run()
    }

    /// Kills the child after its `count`th acknowledgement and the time of so many `commits` more, so that every moment
    /// of a commit is hit as often, however fast the disk is. Gives back the last number it printed; 0 for none.
    func kill(after count: Int, commits: Double) throws -> Int {
        let begin = ContinuousClock.now
        var text = Data()
        try read(into: &text) { text in text.count(where: { $0 == UInt8(ascii: "\n") }) >= count }
        // Without acknowledgements: in the first milliseconds of its life.
        let commit = count == 0 ? .milliseconds(10) : (ContinuousClock.now - begin) / count
        let moment = ContinuousClock.now + commit * commits
        while ContinuousClock.now < moment {}
        return try kill(after: text)
    }

    /// Kills the child when it waits for its end, having met its limit.
    func killWhenFull() throws -> Int {
        var text = Data()
        try read(into: &text) { text in text.suffix(5) == Data("full\n".utf8) }
        return try kill(after: text)
    }

    private func read(into text: inout Data, until isEnough: (Data) -> Bool) throws {
        while !isEnough(text) {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else {
                process.waitUntilExit()
                let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                throw Unexpected(description: "the child ended by itself, \(process.terminationStatus): \(said)")
            }
            text += more
        }
    }

    private func kill(after text: Data) throws -> Int {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        guard process.terminationReason == .uncaughtSignal else {
            let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            throw Unexpected(
                description: "the child was not killed, it ended with \(process.terminationStatus): \(said)")
        }
        let text = text + output.fileHandleForReading.readDataToEndOfFile()
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        wasFull = lines.contains("full")
        guard let last = lines.last(where: { $0 != "full" }) else { return 0 }
        guard let number = Int(last) else { throw Unexpected(description: "the child printed \(last)") }
        return number
    }

    /// The build puts it beside the tests, which on Linux are a program.
    private static func executable() throws -> String {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("engine-torture").path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw Unexpected(description: "no engine-torture at \(path); build it with the tests")
        }
        return path
    }
}
