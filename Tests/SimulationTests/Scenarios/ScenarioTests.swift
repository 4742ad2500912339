import Foundation
import Testing

/// What a cluster does, message by message, in a dozen small scenarios: a change of the protocol shows here as a
/// difference that somebody reads.
///
/// `ROTOR_REWRITE=1` writes the transcripts anew. Read the difference before you keep it.
@Suite struct ScenarioTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Golden")
    private static let rule = "----"

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".txt") }.sorted()
    }()

    @Test("a dozen scenarios are there")
    func all() {
        #expect(Self.names.count >= 12, "\(Self.names)")
    }

    @Test("a scenario goes as it is written down", arguments: names)
    func golden(_ name: String) throws {
        let url = Self.folder.appending(path: name)
        let text = try String(contentsOf: url, encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let script = lines.prefix { $0 != Self.rule }
        let expected = Array(lines.dropFirst(script.count + 1)).filter { !$0.isEmpty }
        let actual = try ScenarioRun(script.joined(separator: "\n")).run()
        if ProcessInfo.processInfo.environment["ROTOR_REWRITE"] != nil {
            let new = (Array(script) + [Self.rule] + actual).joined(separator: "\n") + "\n"
            try new.write(to: url, atomically: true, encoding: .utf8)
            return
        }
        #expect(actual.last == "all truths kept")
        for (index, pair) in zip(actual, expected).enumerated() where pair.0 != pair.1 {
            Issue.record("\(name), line \(index + 1): expected “\(pair.1)”, got “\(pair.0)”")
            return
        }
        #expect(actual.count == expected.count, "\(name) has \(expected.count) lines, got \(actual.count)")
    }
}
