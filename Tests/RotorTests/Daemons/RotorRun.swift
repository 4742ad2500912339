import Engines
import Foundation
import RotorClient

@testable import rotor

/// One run of the built program: what it said and how it ended.
struct RotorRun {
    var status: Int32
    var output: Data
    var errors: String

    var text: String { String(decoding: output, as: UTF8.self) }

    /// The program lies beside the test bundle.
    static func program() throws -> String {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = (tests as NSString).deletingLastPathComponent + "/rotor"
        if FileManager.default.isExecutableFile(atPath: path) { return path }
        // Where the test runner is a program of its own, the bundle is among its arguments.
        for argument in CommandLine.arguments {
            let path = (argument as NSString).deletingLastPathComponent + "/rotor"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw CommandFailure(.inputOutput, "no rotor beside \(tests) nor beside \(CommandLine.arguments)")
    }

    /// - Parameter input: Standard input; empty without it.
    init(
        _ arguments: [String], input: Data = Data(), folder: TemporaryFolder, environment: [String: String] = [:]
    ) async throws {
        let name = folder.path + "/" + UUID().uuidString
        // Files, not pipes: nothing has to be read while the program runs.
        for (part, contents) in [(".in", input), (".out", Data()), (".err", Data())] {
            try contents.write(to: URL(fileURLWithPath: name + part))
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try Self.program())
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("ROTOR_") }
            .merging(environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: name + ".in"))
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: name + ".out"))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: name + ".err"))
        status = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        output = try Data(contentsOf: URL(fileURLWithPath: name + ".out"))
        errors = String(decoding: try Data(contentsOf: URL(fileURLWithPath: name + ".err")), as: UTF8.self)
    }
}

/// Daemons of the built program for the time of a test, ended whatever comes of it.
struct Daemons {
    let cluster: LocalCluster
    let folder: TemporaryFolder

    var endpoints: [Endpoint] { cluster.members.map(\.http) }

    static func run(
        _ engines: [EngineKind], zones: Int? = nil, _ body: (Daemons) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let cluster = try LocalCluster(
            folder: folder.path + "/cluster", engines: engines.map { ($0, $0) }, zones: zones,
            program: try RotorRun.program())
        let result: Result<Void, any Error>
        do {
            try await cluster.startAll()
            result = .success(try await body(Daemons(cluster: cluster, folder: folder)))
        } catch {
            result = .failure(error)
            for line in cluster.logTails() { print(line) }
        }
        await cluster.stopAll()
        try result.get()
    }

    /// Runs the program against these daemons.
    func rotor(_ arguments: String..., input: Data = Data()) async throws -> RotorRun {
        let connect = endpoints.map(\.description).joined(separator: ",")
        return try await RotorRun(
            arguments, input: input, folder: folder, environment: [ConnectOptions.variable: connect])
    }

    func client() -> ClusterClient { ClusterClient(endpoints: endpoints) }

    func restart(_ index: Int) async throws {
        try cluster.start(index)
        try await cluster.untilLinked(index)
    }
}
