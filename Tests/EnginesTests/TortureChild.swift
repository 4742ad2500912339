import Engines
import Foundation

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
    /// The last number it printed, and the last that was durable then; 0 for none.
    private(set) var acknowledged = 0
    private(set) var durable = 0

    /// With `batches` it ends by itself after so many.
    init(
        _ kind: KillTests.Store, _ store: String, _ durability: String, fileBytes: Int? = nil, then: String? = nil,
        batches: Int? = nil, environment: [String: String] = [:]
    ) throws {
        process.executableURL = URL(fileURLWithPath: try Self.built("engine-torture"))
        process.arguments =
            [kind.kind.rawValue, kind.writePath.rawValue, store, durability] + (fileBytes.map { ["\($0)"] } ?? [])
            + (then.map { [$0] } ?? []) + (batches.map { ["\($0)", "end"] } ?? [])
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
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
        for line in lines where line != "full" {
            guard let number = Int(line.prefix { $0 != "!" }) else {
                throw Unexpected(description: "the child printed \(line)")
            }
            acknowledged = number
            if line.last == "!" { durable = number }
        }
        return acknowledged
    }

    /// Waits until it has written its batches and closed the store.
    func waitForEnd() throws {
        _ = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            throw Unexpected(description: "the child ended with \(process.terminationStatus): \(said)")
        }
    }

    /// Lets another process open a store, whatever becomes of it, and check that it holds whole batches up to
    /// `acknowledged` or above. Gives back the newest one's number.
    static func check(_ kind: KillTests.Store, _ store: String, acknowledged: Int) throws -> Int {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: try built("engine-torture"))
        process.arguments = [kind.kind.rawValue, kind.writePath.rawValue, store, "check", "\(acknowledged)"]
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0, let newest = Int(said.dropLast())
        else {
            let end = process.terminationReason == .exit ? "ended with" : "was ended by signal"
            throw Unexpected(description: "the check \(end) \(process.terminationStatus): \(said)")
        }
        return newest
    }

    /// The build puts it beside the tests, which on Linux are a program.
    static func built(_ name: String) throws -> String {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent(name).path
        guard FileManager.default.fileExists(atPath: path) else {
            throw Unexpected(description: "no \(name) at \(path); build it with the tests")
        }
        return path
    }
}
