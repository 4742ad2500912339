import Engines

/// Where real engines have their folders during a run.
struct RealEngines {
    let kind: EngineKind
    private let folder: String

    /// Nil where the virtual disk is meant.
    init?(_ kind: EngineKind?) throws(EngineError) {
        guard let kind, kind != .memory else { return nil }
        self.kind = kind
        folder = try FileCalls.makeTemporaryFolder(named: "rotor-simulation")
    }

    func path(node: Int, store: Int) -> String { "\(folder)/node-\(node)-\(ClusterLayout.stores[store])" }

    func remove() {
        // Nothing depends on it: what is left is a folder of temporary files.
        try? FileCalls.removeTree(folder, operation: "remove \(folder)")
    }
}
