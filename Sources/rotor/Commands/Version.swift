import ArgumentParser
import Engines
import Server

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print which rotor this is.",
        discussion: """
            With --json: {"engines","version"}.
            """)

    @OptionGroup var output: JSONOption

    func run() throws {
        let engines = EngineKind.allCases.map(\.rawValue)
        if output.json { return try JSONOutput.print(Description(engines: engines, version: RotorVersion.text)) }
        try StandardStreams.print("rotor \(RotorVersion.text), engines \(engines.joined(separator: ", "))")
    }

    private struct Description: Encodable {
        var engines: [String]
        var version: String
    }
}
