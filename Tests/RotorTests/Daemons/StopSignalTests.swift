import Foundation
import Glibc
import Testing

@testable import rotor

@Suite("A demo that is stopped", .serialized, .timeLimit(.minutes(1)))
struct StopSignalTests {
    /// What the demo says right before its daemons start, and once they run.
    @Test("leaves no daemon and no folder behind, however early", arguments: ["1. ", "2. "])
    func stopped(after line: String) async throws {
        let folder = try TemporaryFolder()
        let packages = folder.path + "/packages"
        let paragraphs = (1...400).map { "Package: p\($0)\nDescription: number \($0)\n" }
        try paragraphs.joined(separator: "\n").write(toFile: packages, atomically: true, encoding: .utf8)
        let temporary = folder.path + "/temporary"
        try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)

        for number in [SIGINT, SIGTERM, SIGHUP] {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: try RotorRun.program())
            process.arguments = ["demo", "--packages", packages]
            process.environment = ProcessInfo.processInfo.environment.merging(["TMPDIR": temporary]) { $1 }
            let output = Pipe()
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            let status = try await withCheckedThrowingContinuation { continuation in
                process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
                do {
                    try process.run()
                } catch {
                    process.terminationHandler = nil
                    return continuation.resume(throwing: error)
                }
                var said = Data()
                while !String(decoding: said, as: UTF8.self).contains(line) {
                    let more = output.fileHandleForReading.availableData
                    if more.isEmpty { break }
                    said += more
                }
                kill(process.processIdentifier, number)
            }
            #expect(status == 128 + number)
            #expect(try FileManager.default.contentsOfDirectory(atPath: temporary) == [])
            #expect(try processes(naming: temporary) == [])
        }
    }

    /// The command lines in which `text` occurs.
    private func processes(naming text: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { name in
            guard Int(name) != nil, let bytes = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
                return nil
            }
            let line = String(decoding: bytes, as: UTF8.self)
            return line.contains(text) ? line : nil
        }
    }
}
