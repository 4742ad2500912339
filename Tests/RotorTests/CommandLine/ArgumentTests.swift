import ArgumentParser
import Engines
import NIOCore
import Node
import RiakWire
import RotorClient
import Server
import Testing

@testable import rotor

@Suite("The command line's arguments")
struct ArgumentTests {
    @Test("HOST:PORT, HOST and IPv6 in brackets name endpoints; anything else is refused")
    func endpoints() {
        let good = [
            "127.0.0.1:8098": Endpoint(host: "127.0.0.1", port: 8098), "db-1": Endpoint(host: "db-1", port: 8098),
            "[::1]:81": Endpoint(host: "::1", port: 81), "[fe80::1]": Endpoint(host: "fe80::1", port: 8098),
        ]
        for (text, endpoint) in good.sorted(by: { $0.key < $1.key }) {
            #expect(Endpoint(text) == endpoint, "\(text)")
            #expect(Endpoint(endpoint.description) == endpoint, "\(text)")
        }
        for text in [
            "", ":80", "a:", "a:0", "a:65536", "a:+1", "::1", "a b", "http://a", "a/b:1", "[a]:1", "[::1", "a:٣",
        ] {
            #expect(Endpoint(text) == nil, "\(text)")
        }
    }

    @Test("--connect wins over the environment, that over the default, and lists keep their order")
    func connect() throws {
        let given = try ConnectOptions.parse(["--connect", "a:1,b:2"])
        #expect(try given.endpoints(environment: ["ROTOR_CONNECT": "c:3"]).map(\.description) == ["a:1", "b:2"])
        let none = try ConnectOptions.parse([])
        #expect(try none.endpoints(environment: ["ROTOR_CONNECT": "c:3, d"]).map(\.description) == ["c:3", "d:8098"])
        #expect(try none.endpoints(environment: [:]).map(\.description) == ["127.0.0.1:8098"])
        #expect(throws: ValidationError.self) { try none.endpoints(environment: ["ROTOR_CONNECT": "c:3,"]) }
    }

    @Test("quorums are numbers or their names")
    func quorums() throws {
        let put = try parsed(Put.self, ["put", "b", "k", "v", "--w", "quorum", "--pw", "2", "--dw", "all"])
        #expect(put.quorums.w == .quorum && put.quorums.pw == .count(2) && put.quorums.dw == .all)
        for text in ["-1", "two", "1.5", "", "99999"] {
            #expect(code(["get", "b", "k", "--r=\(text)"]) == 64, "\(text)")
        }
    }

    @Test("a value is the argument itself, standard input, or a file")
    func values() {
        #expect(ValueSource("tea") == .argument("tea"))
        #expect(ValueSource("-") == .standardInput)
        #expect(ValueSource("@a/b") == .file("a/b"))
        #expect(ValueSource("--") == .argument("--"))
        #expect(ValueSource("").contentType == "text/plain; charset=utf-8")
        #expect(ValueSource("-").contentType == "application/octet-stream")
    }

    @Test("what contradicts itself or is missing ends with exit code 64")
    func usage() {
        let wrong = [
            ["put", "b", "k"], ["get", "b"], ["nonsense"], ["put", "b", "k", "v", "--no-context", "--context", "AAAA"],
            ["get", "b", "k", "--sibling", "0"], ["get", "b", "k", "--raw", "--json"],
            ["get", "b", "k", "--timeout", "0"],
            ["bench", "cluster", "--put-ratio", "0.5"], ["bench", "cluster", "--start", "--connect", "a:1"],
            ["get", "b", "k", "--connect", "a:b"],
        ]
        for arguments in wrong { #expect(code(arguments) == 64, "\(arguments)") }
        for arguments in [["--help"], ["get", "--help"], ["--version"]] {
            #expect(code(arguments) == 0, "\(arguments)")
        }
    }

    @Test("an error that nobody foresaw does not read as 'not found'")
    func unforeseen() throws {
        struct Surprise: Error {}
        #expect(Rotor.failure(for: Surprise()) == CommandFailure(.unforeseen, "unforeseen error: Surprise()"))
        #expect(ExitStatus.unforeseen.rawValue == 70)
        #expect(Rotor.failure(for: CommandFailure(.notFound, "x")) == CommandFailure(.notFound, "x"))
        #expect(Rotor.failure(for: CleanExit.message("x")) == nil)
        for arguments in [["nonsense"], ["get", "b", "k", "--timeout", "0"]] {
            do {
                _ = try Rotor.parseAsRoot(arguments)
                Issue.record("\(arguments) were understood")
            } catch {
                #expect(Rotor.failure(for: error) == nil, "\(arguments)")
            }
        }
    }

    @Test("each setting with a fixed name is a flag of serve, and reaches the configuration as it was typed")
    func settings() throws {
        for setting in ConfigurationSetting.all where !setting.path.contains("NAME") {
            let isFlag = setting.path == ["insecure"]
            let serve = try parsed(Serve.self, ["serve", setting.flag] + (isFlag ? [] : ["x=y"]))
            #expect(serve.settings.arguments == ["\(setting.flag)=\(isFlag ? "true" : "x=y")"])
        }
    }

    @Test("settings with names of the user's own, and the fixed ones among them, are understood together")
    func namedSettings() throws {
        let serve = try parsed(
            Serve.self,
            [
                "serve", "--stores-large-engine", "sqlite", "--node-name", "b", "--bucket-types-photos-store=large",
                "--bucket-types-photos-w", "all", "--insecure", "--cluster-secret", "a secret of some length",
            ])
        let configuration = try serve.read(environment: ["ROTOR_NODE_ZONE": "z"], workingFolder: "/here")
        #expect(configuration.stores.map(\.name) == ["default", "large"])
        #expect(configuration.stores.last?.engine == .sqlite)
        #expect(configuration.bucketTypes.first { $0.name == "photos" }?.w == .all)
        #expect(configuration.node.name == "b" && configuration.node.zone == "z" && configuration.insecure)
        #expect(configuration.node.data == "/here/rotor-data")
        let settings = try Serve.runtimeSettings(configuration)
        #expect(settings.founding.founders.map(\.name) == ["b"] && settings.stores.count == 2)
        #expect(settings.secret != nil && settings.secret == configuration.cluster.secret)
    }

    @Test("completion scripts know the commands and their options")
    func completions() {
        for shell in [CompletionShell.bash, .zsh, .fish] {
            let script = Rotor.completionScript(for: shell)
            for word in ["locate", "content-type", "node-data", "put-ratio"] {
                #expect(script.contains(word), "\(word) for \(shell.rawValue)")
            }
        }
    }

    private func parsed<Command: ParsableCommand>(_ type: Command.Type, _ arguments: [String]) throws -> Command {
        try #require(try Rotor.parseAsRoot(arguments) as? Command)
    }
}

/// What the program would exit with if parsing were all.
func code(_ arguments: [String]) -> Int32 {
    do {
        _ = try Rotor.parseAsRoot(arguments)
        return 0
    } catch {
        return Rotor.exitCode(for: error).rawValue
    }
}
