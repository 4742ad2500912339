/// What a run is made of; what is nil is drawn from the seed.
public struct SimulationOptions: Sendable {
    /// 1 to 8.
    public var nodes: Int?
    public var clients: Int?
    /// Requests of all clients together, about.
    public var operations: Int?
    /// These kinds of fault, all of them; an empty list is a run in fair weather.
    public var faults: [FaultKind]?
    /// Keep a readable transcript (``SimulationReport/transcript``).
    public var keepsTranscript = false
    var mischief: Mischief?

    public init() {}
}
