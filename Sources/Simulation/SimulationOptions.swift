public import Engines

/// What a run is made of; what is nil is drawn from the seed.
public struct SimulationOptions: Sendable {
    /// 1 to 8.
    public var nodes: Int?
    public var clients: Int?
    /// Requests of all clients together, about; with ``minutes`` and without this, as many as there is time for.
    public var operations: Int?
    /// How long clients work and faults happen; 10 to 40 seconds without it.
    public var minutes: Int?
    /// These kinds of fault, all of them; an empty list is a run in fair weather.
    public var faults: [FaultKind]?
    /// These kinds of workload, all of them.
    public var workloads: [WorkloadKind]?
    /// A real engine under every store, in a temporary folder that the run removes, instead of a virtual disk.
    ///
    /// A crash takes nothing from it, for the process goes on. Nil and ``EngineKind/memory`` mean the virtual disk.
    public var engine: EngineKind?
    /// Faults of the seed's plan, by their number in it, that shall not happen. The reducer finds them.
    public var skippedFaults: [Int] = []
    /// Clients that do nothing.
    public var skippedClients: [Int] = []
    /// Keep a readable transcript (``SimulationReport/transcript``).
    public var keepsTranscript = false
    var bug: PlantedBug?

    public init() {}
}

extension SimulationOptions: CustomStringConvertible {
    /// As options of the command line; empty where the seed decides all.
    public var description: String {
        var words: [String] = []
        if let nodes { words.append("--nodes \(nodes)") }
        if let clients { words.append("--clients \(clients)") }
        if let operations { words.append("--operations \(operations)") }
        if let minutes { words.append("--minutes \(minutes)") }
        if let faults { words.append("--faults \(Self.list(faults.map(\.rawValue)))") }
        if let workloads { words.append("--workload \(Self.list(workloads.map(\.rawValue)))") }
        if let engine { words.append("--engine \(engine.rawValue)") }
        if !skippedFaults.isEmpty { words.append("--skip-faults \(Self.list(skippedFaults.map(String.init)))") }
        if !skippedClients.isEmpty { words.append("--skip-clients \(Self.list(skippedClients.map(String.init)))") }
        if let bug { words.append("(planted: \(bug.rawValue))") }
        return words.joined(separator: " ")
    }

    private static func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ",") }
}
