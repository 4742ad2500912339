import ArgumentParser
import Foundation
import Simulation

struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put whole clusters under every fault, in one thread each, by seed.",
        discussion: """
            Each seed is a cluster of the same nodes and object stores as the daemon's, over a virtual network, \
            virtual disks and virtual clocks. Clients work while messages are lost, machines die and clocks jump; \
            then all heals, and what the clients were told and what the disks hold is held against what Rotor \
            promises. The same seed and options give the same run, event for event, everywhere.

              rotor simulate                                  1000 seeds, one job a core
              rotor simulate --seeds 10000 --first-seed 5000
              rotor simulate --faults wipe,oldCopy --nodes 5
              rotor simulate --seeds 1 --first-seed 17 --trace   what happened, line by line

            With --json: {"acknowledged_writes","events","failures":[{"seed","violation"}],"faults":{KIND:COUNT}, \
            "operations","permitted_losses","seconds","seeds","simulated_seconds","versions_seen":[4 COUNTS]}. \
            Exit code 1 if a seed broke a promise.
            """)

    @OptionGroup var output: JSONOption

    @Option(name: .long, help: ArgumentHelp("How many seeds.", valueName: "number"))
    var seeds: UInt64 = 1000

    @Option(name: .long, help: ArgumentHelp("The first of them.", valueName: "seed"))
    var firstSeed: UInt64 = 0

    @Option(name: .long, help: ArgumentHelp("Seeds at a time. (default: one a core)", valueName: "number"))
    var jobs: Int?

    @Option(name: .long, help: ArgumentHelp("Nodes, 1 to 8; drawn by the seed without it.", valueName: "number"))
    var nodes: Int?

    @Option(name: .long, help: ArgumentHelp("Clients; drawn by the seed without it.", valueName: "number"))
    var clients: Int?

    @Option(
        name: .long, help: ArgumentHelp("Requests of all clients; drawn by the seed without it.", valueName: "number"))
    var operations: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Exactly these kinds of fault, with commas between them, or 'none'; drawn by the seed without it. Kinds:"
                + " \(FaultKind.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "kind[,…]"))
    var faults: FaultKinds?

    @Flag(name: .long, help: "Print what happened, line by line. One seed only.")
    var trace = false

    func validate() throws {
        guard seeds >= 1 else { throw ValidationError("--seeds must be at least 1") }
        guard firstSeed.addingReportingOverflow(seeds).overflow == false else {
            throw ValidationError("--first-seed and --seeds together go beyond \(UInt64.max)")
        }
        if let jobs, !(1...1024).contains(jobs) { throw ValidationError("--jobs goes from 1 to 1024") }
        if let nodes, !(1...8).contains(nodes) { throw ValidationError("--nodes goes from 1 to 8") }
        if let clients, !(1...64).contains(clients) { throw ValidationError("--clients goes from 1 to 64") }
        if let operations, !(1...1_000_000).contains(operations) {
            throw ValidationError("--operations goes from 1 to 1000000")
        }
        if trace, seeds != 1 { throw ValidationError("--trace shows one seed: give --seeds 1 --first-seed SEED") }
        if trace, output.json { throw ValidationError("--trace and --json exclude each other") }
    }

    func run() async throws {
        var options = SimulationOptions()
        options.nodes = nodes
        options.clients = clients
        options.operations = operations
        options.faults = faults?.kinds
        options.keepsTranscript = trace
        let begin = ContinuousClock.now
        let batch = SimulationBatch(
            seeds: firstSeed..<firstSeed + seeds, jobs: jobs ?? ProcessInfo.processInfo.activeProcessorCount,
            options: options)
        let bar = seeds > 1 && !output.json ? ProgressBar("simulating", total: Int(seeds)) : nil
        var summary = SimulationSummary()
        try await batch.run { report in
            summary.add(report)
            for line in report.transcript { try StandardStreams.print(line) }
            if !report.passed { StandardStreams.complain("\n\(report)\nsee it: \(command(for: report.seed))") }
            bar?.advance()
        }
        try bar?.finish()
        summary.seconds = (ContinuousClock.now - begin).seconds
        if output.json {
            try JSONOutput.print(summary)
        } else {
            for line in summary.lines { try StandardStreams.print(line) }
        }
        guard summary.failures.isEmpty else {
            throw CommandFailure(.promiseBroken, "\(summary.failures.count) of \(seeds) seeds broke a promise")
        }
    }

    /// The command that shows the same run.
    private func command(for seed: UInt64) -> String {
        var words = ["rotor simulate --seeds 1 --first-seed \(seed)"]
        if let nodes { words.append("--nodes \(nodes)") }
        if let clients { words.append("--clients \(clients)") }
        if let operations { words.append("--operations \(operations)") }
        if let faults { words.append("--faults \(faults)") }
        words.append("--trace")
        return words.joined(separator: " ")
    }
}

struct FaultKinds: ExpressibleByArgument, CustomStringConvertible {
    let kinds: [FaultKind]

    /// Nil where one of them is none.
    init?(argument: String) {
        if argument == "none" {
            kinds = []
            return
        }
        let names = argument.split(separator: ",", omittingEmptySubsequences: false)
        let kinds = names.compactMap { FaultKind(rawValue: String($0)) }
        guard kinds.count == names.count else { return nil }
        self.kinds = kinds
    }

    var description: String { kinds.isEmpty ? "none" : kinds.map(\.rawValue).joined(separator: ",") }
}
