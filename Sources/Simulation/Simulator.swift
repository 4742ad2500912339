/// Runs whole clusters by seed.
public enum Simulator {
    /// Runs one cluster: clients at work under faults, then calm, then the question whether everything held.
    ///
    /// The same seed and options give the same run, event for event, in every process and on every machine.
    public static func run(seed: UInt64, options: SimulationOptions = SimulationOptions()) -> SimulationReport {
        let run = SimulatedRun(seed: seed, options: options)
        return run.run()
    }
}
