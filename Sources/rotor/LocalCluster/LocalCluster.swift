import Engines
import Foundation
import Glibc
import NIOConcurrencyHelpers
import RotorClient

/// A cluster of daemons on this machine's loopback, each a process of this program with a folder of its own.
final class LocalCluster: Sendable {
    struct Member: Sendable {
        var name: String
        var zone: String
        var http: Endpoint
        /// Of its store `default`.
        var engine: EngineKind
        /// Of its store `large`.
        var largeEngine: EngineKind
    }

    let members: [Member]
    let folder: String
    private let program: String
    private let state: NIOLockedValueBox<State>

    private struct State {
        var processes: [DaemonProcess?]
        var isEnding = false
    }

    /// Writes the configuration that all share; starts nothing.
    ///
    /// - Parameters:
    ///   - folder: Where configuration, data and logs go.
    ///   - engines: A member each: those of its stores `default` and `large`.
    ///   - zones: How many the members are spread over, one after the other; nil: each has one of its own.
    init(
        folder: String, engines: [(EngineKind, EngineKind)], zones: Int? = nil, program: String
    ) throws {
        self.folder = folder
        self.program = program
        let ports = try FreePorts.find(engines.count * 2)
        let names = "abcdefghi".prefix(engines.count).map { "\($0)" }
        members = zip(names, engines).enumerated().map { index, pair in
            Member(
                name: pair.0, zone: "rack-\(index % max(1, zones ?? engines.count) + 1)",
                http: Endpoint(host: "127.0.0.1", port: ports[index * 2]), engine: pair.1.0, largeEngine: pair.1.1)
        }
        state = NIOLockedValueBox(State(processes: members.map { _ in nil }))
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (index, member) in members.enumerated() {
            try configuration(of: member, ports: ports, index).write(
                toFile: configurationPath(member), atomically: true, encoding: .utf8)
        }
    }

    private func configurationPath(_ member: Member) -> String { "\(folder)/\(member.name).yaml" }

    private func logPath(_ member: Member) -> String { "\(folder)/\(member.name).log" }

    private func configuration(of member: Member, ports: [Int], _ index: Int) -> String {
        let founders = members.enumerated().map { index, member in
            "    - { name: \(member.name), address: \"127.0.0.1:\(ports[index * 2 + 1])\", zone: \(member.zone) }"
        }
        return """
            node: { name: \(member.name), data: ./data-\(member.name), zone: \(member.zone) }
            listen:
              http: \(member.http)
              cluster: 127.0.0.1:\(ports[index * 2 + 1])
            cluster:
              name: local
              partitions: 256
              n: \(min(3, members.count))
              members:
            \(founders.joined(separator: "\n"))
            stores:
              default: { engine: \(member.engine.rawValue) }
              large: { engine: \(member.largeEngine.rawValue) }
            bucket_types:
              default: { store: default, r: quorum, w: quorum }
              catalogue: { store: large, r: quorum, w: quorum }

            """
    }

    func process(_ index: Int) -> DaemonProcess? { state.withLockedValue { $0.processes[index] } }

    private var running: [DaemonProcess] { state.withLockedValue { $0.processes.compactMap(\.self) } }

    /// Starts one member, or starts it again.
    func start(_ index: Int) throws {
        let member = members[index]
        // Under the lock: nothing is started behind the back of whoever ends them all.
        try state.withLockedValue { state in
            guard !state.isEnding else { throw CommandFailure(.unavailable, "the daemons are being ended") }
            state.processes[index] = try DaemonProcess(
                name: member.name, program: program, arguments: ["serve", "--config", configurationPath(member)],
                logPath: logPath(member))
        }
    }

    /// Starts all, and returns when each answers and sees all the others.
    func startAll() async throws {
        for index in members.indices { try start(index) }
        for index in members.indices { try await untilLinked(index) }
    }

    /// Returns when a member answers and has a link to each of the others.
    func untilLinked(_ index: Int, within limit: Duration = .seconds(30)) async throws {
        let member = members[index]
        let client = ClusterClient(endpoints: [member.http])
        let clock = ContinuousClock()
        let end = clock.now + limit
        var last = "it has not answered"
        var isLinked = false
        while !isLinked, clock.now < end, process(index)?.ending == nil {
            do {
                let peers = try await client.status().peers
                isLinked = peers.allSatisfy { $0.linked || $0.name == member.name }
                last = "it has no link to \(peers.filter { !$0.linked }.map(\.name).joined(separator: ", "))"
            } catch {
                last = "\(error)"
            }
            if !isLinked { try await Task.sleep(for: .milliseconds(30)) }
        }
        try await client.shutdown()
        guard !isLinked else { return }
        if let ending = process(index)?.ending { last = "it ended with \(ending)" }
        throw CommandFailure(.unavailable, "daemon \(member.name) did not start within \(limit): \(last)")
    }

    /// Ends one member with a signal, and returns how it ended.
    @discardableResult
    func end(_ index: Int, with signal: Int32) async -> DaemonProcess.Ending? {
        guard let process = process(index) else { return nil }
        process.signal(signal)
        return await process.ended()
    }

    /// Ends what runs; with SIGKILL what has not ended by itself in time.
    func stopAll(within limit: Duration = .seconds(10)) async {
        let running = running
        for process in running { process.signal(SIGTERM) }
        let killer = Task {
            try await Task.sleep(for: limit)
            for process in running { process.signal(SIGKILL) }
        }
        for process in running { await process.ended() }
        killer.cancel()
    }

    /// At once, and none starts any more. Returns when they are gone and write nothing; blocks.
    func killAll() {
        state.withLockedValue { $0.isEnding = true }
        for process in running { process.signal(SIGKILL) }
        // A process that hangs in its disk dies when that lets it go: not waited for beyond some seconds.
        for _ in 0..<1_000 where running.contains(where: { $0.ending == nil }) { usleep(5_000) }
    }

    /// The last lines of each daemon's log.
    func logTails(lines: Int = 15) -> [String] {
        members.indices.flatMap { index -> [String] in
            guard let process = process(index) else { return [] }
            return ["— log of \(members[index].name) (\(process.logPath)) —"] + process.logTail(lines: lines)
        }
    }
}
