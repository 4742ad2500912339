import Engines

/// Runs whole clusters by seed.
///
/// A run shares nothing with any other: as many as there are threads may go on at a time, each in its own.
public enum Simulator {
    /// Runs one cluster: clients at work under faults, then calm, then the question whether everything held.
    ///
    /// The same seed and options give the same run, event for event, in every process and on every machine.
    public static func run(seed: UInt64, options: SimulationOptions = SimulationOptions()) -> SimulationReport {
        do throws(EngineError) {
            return try SimulatedRun(seed: seed, options: options).run()
        } catch {
            preconditionFailure("a simulation needs a temporary folder for its real engines: \(error)")
        }
    }
}
