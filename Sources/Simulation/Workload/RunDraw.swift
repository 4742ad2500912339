/// The size of a run: as wished, or drawn. The same draws are made either way, so that a wish for one thing leaves the
/// rest as the seed has it.
struct RunDraw {
    let nodes: Int
    let clients: Int
    let operations: Int
    /// Nanoseconds that clients work and faults happen.
    let duration: UInt64
    let workload: WorkloadPlan

    init(_ options: SimulationOptions, _ generator: inout SeededGenerator) {
        let drawnNodes = generator.pick([1, 2, 3, 3, 3, 4, 5])
        let drawnClients = generator.within(2...6)
        let drawnOperations = generator.within(60...140)
        let drawnDuration = generator.milliseconds(10_000...40_000)
        nodes = min(8, max(1, options.nodes ?? drawnNodes))
        clients = max(1, options.clients ?? drawnClients)
        duration = options.minutes.map { UInt64(max(1, $0)) * 60_000_000_000 } ?? drawnDuration
        // A client does about four things a second.
        let most = clients * Int(duration / 250_000_000)
        operations = options.operations ?? (options.minutes == nil ? drawnOperations : most * 2)
        var own = generator.forked()
        workload = WorkloadPlan(
            wished: options.workloads, operations: min(operations, most), generator: &own)
    }
}
