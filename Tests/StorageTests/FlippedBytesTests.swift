import Engines
import Foundation
import Testing

/// Bits flip wherever they like: in records, keys, pages, a log, what an engine says of its own files.
@Suite("Flipped bytes in a store's files", .serialized)
struct FlippedBytesTests {
    struct Store: Sendable, CustomTestStringConvertible {
        let kind: EngineKind
        let writePath: WritePath
        var testDescription: String { "\(kind.rawValue) \(writePath.rawValue)" }
    }

    static let stores = [EngineKind.lmdb, .bdb, .sqlite].flatMap { kind in
        [WritePath.direct, .logged].map { Store(kind: kind, writePath: $0) }
    }

    /// `ROTOR_FLIPS=1000` for a long run.
    static let flips = ProcessInfo.processInfo.environment["ROTOR_FLIPS"].flatMap { Int($0) } ?? 10

    @Test(
        "never give a value that was not put: a record is refused, or the store, or the process ends", arguments: stores
    )
    func neverWrong(store: Store) throws {
        let folder = try TemporaryFolder()
        var random = SplitMix64(seed: 41)
        var outcomes: [String: Int] = [:]
        for (number, end) in ["write", "kill"].enumerated() {
            let sound = "\(folder.path)/sound-\(number)"
            let said = try run(store, sound, end)
            #expect(said.status == 0, "\(said.text)")
            let files = try Self.files(in: sound)
            for flip in 0..<Self.flips {
                let place = "\(folder.path)/flipped"
                try FileManager.default.copyItem(atPath: sound, toPath: place)
                defer { try? FileManager.default.removeItem(atPath: place) }
                let damage = try Self.flip(files, in: place, &random)
                let said = try run(store, place, "read")
                let outcome = said.outcome
                outcomes[outcome.kind, default: 0] += 1
                #expect(
                    outcome.wrong == 0 && outcome.kind != "hung",
                    "\(store.testDescription), \(end), flip \(flip) (\(damage)): \(said.text), status \(said.status)")
            }
        }
        print("\(store.testDescription): \(outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" })")
        let harmless = outcomes["unharmed", default: 0]
        #expect(harmless < 2 * Self.flips, "no flip did anything: the test shows nothing")
    }

    /// Flips a bit, or fills some bytes with others, in one file of the store. Gives back where.
    private static func flip(
        _ files: [(name: String, bytes: Int)], in place: String, _ random: inout SplitMix64
    ) throws -> String {
        // Small files are as likely as large ones: what they say matters as much.
        let file = files[Int.random(in: 0..<files.count, using: &random)]
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: "\(place)/\(file.name)"))
        defer { try? handle.close() }
        // Half of them where files begin, which is where engines keep what they go by.
        let within = Bool.random(using: &random) ? min(file.bytes, 20_000) : file.bytes
        let offset = Int.random(in: 0..<within, using: &random)
        try handle.seek(toOffset: UInt64(offset))
        var bytes = [UInt8](try handle.read(upToCount: [1, 1, 8, 512].randomElement(using: &random) ?? 1) ?? Data())
        if bytes.count == 1 {
            bytes[0] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        } else {
            for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255, using: &random) }
        }
        try handle.seek(toOffset: UInt64(offset))
        try handle.write(contentsOf: Data(bytes))
        return "\(bytes.count) bytes at \(offset) of \(file.name)"
    }

    /// Those that are not empty, with their paths below the folder.
    private static func files(in folder: String) throws -> [(name: String, bytes: Int)] {
        try FileManager.default.subpathsOfDirectory(atPath: folder).sorted().compactMap { name in
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            let bytes = (attributes[.size] as? NSNumber)?.intValue ?? 0
            return attributes[.type] as? FileAttributeType == .typeRegular && bytes > 0 ? (name, bytes) : nil
        }
    }

    private struct Said {
        let text: String
        let status: Int32
        let isSignal: Bool

        var outcome: (kind: String, wrong: Int) {
            if isSignal { return (status == SIGKILL ? "hung" : "ended by a signal", 0) }
            let words = text.split(separator: " ").map(String.init)
            func number(_ name: String) -> Int? {
                words.firstIndex(of: name).flatMap { words.indices.contains($0 + 1) ? Int(words[$0 + 1]) : nil }
            }
            guard let wrong = number("wrong"), let right = number("right") else { return ("refused", 0) }
            if wrong > 0 { return ("wrong", wrong) }
            return (right == 350 ? "unharmed" : number("stale") == 0 ? "found in some records" : "stale", 0)
        }
    }

    private func run(_ store: Store, _ path: String, _ what: String) throws -> Said {
        let process = Process()
        let output = Pipe()
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        process.executableURL = URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent(
            "flipped-store")
        process.arguments = [store.kind.rawValue, store.writePath.rawValue, path, what]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // An engine that goes round in circles is ended, and told of.
        let watch = DispatchWorkItem { kill(process.processIdentifier, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + 60, execute: watch)
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        watch.cancel()
        return Said(
            text: said.trimmingCharacters(in: .whitespacesAndNewlines), status: process.terminationStatus,
            isSignal: process.terminationReason == .uncaughtSignal)
    }
}
