import ArgumentParser

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure.",
        subcommands: [BenchCluster.self, BenchEngines.self, BenchOverload.self, BenchRepair.self])
}
