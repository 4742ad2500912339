import NIOPosix
import Simulation

/// Many seeds, several at a time, each on a thread of its own.
struct SimulationBatch {
    let seeds: Range<UInt64>
    let jobs: Int
    let options: SimulationOptions

    /// Calls `body` with each seed's report as it comes: not in the order of the seeds.
    func run(_ body: (SimulationReport) throws -> Void) async throws {
        let threads = NIOThreadPool(numberOfThreads: jobs)
        threads.start()
        do {
            try await run(on: threads, body)
        } catch {
            try await threads.shutdownGracefully()
            throw error
        }
        try await threads.shutdownGracefully()
    }

    private func run(on threads: NIOThreadPool, _ body: (SimulationReport) throws -> Void) async throws {
        let options = options
        try await withThrowingTaskGroup(of: SimulationReport.self) { group in
            var waiting = seeds.makeIterator()
            func begin() {
                guard let seed = waiting.next() else { return }
                group.addTask {
                    try await threads.runIfActive { Simulator.run(seed: seed, options: options) }
                }
            }
            for _ in 0..<jobs { begin() }
            while let report = try await group.next() {
                try body(report)
                begin()
            }
        }
    }
}
