import ArgumentParser
import Engines
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
              rotor simulate --workload carts,wandering --minutes 10 --seeds 50
              rotor simulate --seeds 1 --first-seed 17 --trace    what happened, line by line
              rotor simulate --seeds 1 --first-seed 17 --reduce   the least that breaks the same promise

            With --json: {"acknowledged_writes","events","failures":[{"seed","violation"}],"faults":{KIND:COUNT}, \
            "longest_to_converge_seconds","operations","permitted_losses","seconds","seeds","simulated_seconds", \
            "versions_seen":[4 COUNTS]}. Exit code 1 if a seed broke a promise.
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
            "How long clients work and faults happen; 10 to 40 seconds without it. All of it is simulated time.",
            valueName: "number"))
    var minutes: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Exactly these kinds of fault, with commas between them, or 'none'; drawn by the seed without it. Kinds:"
                + " \(KindList<FaultKind>.names).", valueName: "kind[,…]"))
    var faults: KindList<FaultKind>?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Exactly these kinds of workload; drawn by the seed without it. Kinds: \(KindList<WorkloadKind>.names).",
            valueName: "kind[,…]"))
    var workload: KindList<WorkloadKind>?

    @Option(
        name: .long,
        help: "A real engine under every store, in a temporary folder, instead of a virtual disk: lmdb, bdb or sqlite.")
    var engine: EngineKind?

    @Option(
        name: .long,
        help: ArgumentHelp("Faults of the seed's plan, by number, that shall not happen.", valueName: "number[,…]"))
    var skipFaults: NumberList?

    @Option(name: .long, help: ArgumentHelp("Clients, by number, that do nothing.", valueName: "number[,…]"))
    var skipClients: NumberList?

    @Flag(name: .long, help: "Print what happened, line by line. One seed only.")
    var trace = false

    @Flag(name: .long, help: "Where a seed breaks a promise, look for less that breaks the same one. One seed only.")
    var reduce = false

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
        if let minutes, !(1...10_000).contains(minutes) { throw ValidationError("--minutes goes from 1 to 10000") }
        if let workload, workload.kinds.isEmpty { throw ValidationError("--workload names at least one kind") }
        if trace || reduce, seeds != 1 {
            throw ValidationError("--trace and --reduce are for one seed: give --seeds 1 --first-seed SEED")
        }
        if trace || reduce, output.json { throw ValidationError("--json goes with neither --trace nor --reduce") }
    }

    func run() async throws {
        let options = self.options
        let begin = ContinuousClock.now
        let batch = SimulationBatch(
            seeds: firstSeed..<firstSeed + seeds, jobs: jobs ?? ProcessInfo.processInfo.activeProcessorCount,
            options: options)
        let bar = seeds > 1 && !output.json ? ProgressBar("simulating", total: Int(seeds)) : nil
        var summary = SimulationSummary()
        try await batch.run { report in
            summary.add(report)
            for line in report.transcript { try StandardStreams.print(line) }
            if !report.passed { StandardStreams.complain("\(report)\nsee it: \(Self.command(showing: report))") }
            bar?.advance()
        }
        try bar?.finish()
        summary.seconds = (ContinuousClock.now - begin).seconds
        if output.json {
            try JSONOutput.print(summary)
        } else {
            for line in summary.lines { try StandardStreams.print(line) }
        }
        if reduce, let reduced = Simulator.reduce(seed: firstSeed, options: options) {
            for line in reduced.report.transcript { try StandardStreams.print(line) }
            StandardStreams.complain("\(reduced)\nsee it: \(Self.command(showing: reduced.report))")
        }
        guard summary.failures.isEmpty else {
            throw CommandFailure(.promiseBroken, "\(summary.failures.count) of \(seeds) seeds broke a promise")
        }
    }

    var options: SimulationOptions {
        var options = SimulationOptions()
        options.nodes = nodes
        options.clients = clients
        options.operations = operations
        options.minutes = minutes
        options.faults = faults?.kinds
        options.workloads = workload?.kinds
        options.engine = engine
        options.skippedFaults = skipFaults?.numbers ?? []
        options.skippedClients = skipClients?.numbers ?? []
        options.keepsTranscript = trace
        return options
    }

    /// The command that shows the same run.
    private static func command(showing report: SimulationReport) -> String {
        let words = ["rotor simulate --seeds 1 --first-seed \(report.seed)", "\(report.options)", "--trace"]
        return words.filter { !$0.isEmpty }.joined(separator: " ")
    }
}

/// Kinds by name, with commas between them; `none` is an empty list.
struct KindList<Kind: RawRepresentable & CaseIterable>: ExpressibleByArgument where Kind.RawValue == String {
    let kinds: [Kind]

    static var names: String { Kind.allCases.map(\.rawValue).joined(separator: ", ") }

    /// Nil where one of them is none.
    init?(argument: String) {
        let names = argument == "none" ? [] : argument.split(separator: ",", omittingEmptySubsequences: false)
        kinds = names.compactMap { Kind(rawValue: String($0)) }
        guard kinds.count == names.count else { return nil }
    }
}

struct NumberList: ExpressibleByArgument {
    let numbers: [Int]

    init?(argument: String) {
        let texts = argument.split(separator: ",", omittingEmptySubsequences: false)
        numbers = texts.compactMap { Int($0) }.filter { $0 >= 0 }
        guard numbers.count == texts.count else { return nil }
    }
}
