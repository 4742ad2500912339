import ArgumentParser
import Engines
import Server

struct StoreCompact: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Write the stores of a stopped node anew, without the space that they no longer use.",
        discussion: """
            The new store is read again and compared before it takes the old one's place: meanwhile the disk needs \
            room for both. Cut short at any moment, one of them is there, whole.

            With --json: [{"bytes","disk_bytes","disk_bytes_before","engine","name","records"}].
            """)

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        var rewrites: [StoreRewrite] = []
        try stores.forEachStore { node, store in
            rewrites.append(try StoreRewrite(of: store, in: node, as: store.engine, isQuiet: output.json))
        }
        if output.json { try JSONOutput.print(rewrites) }
    }
}

/// A store written anew, with what a person sees of it.
struct StoreRewrite: Encodable {
    var bytes: Int
    var diskBytes: Int
    var diskBytesBefore: Int
    var engine: String
    var name: String
    var records: Int

    init(of store: StoppedNode.Store, in node: StoppedNode, as engine: EngineKind, isQuiet: Bool) throws {
        let total = isQuiet ? 0 : try node.withEngine(of: store) { try $0.statistics().entries }
        let copying = isQuiet ? nil : ProgressBar("writing \(store.name)", total: total)
        let verifying = isQuiet ? nil : ProgressBar("verifying \(store.name)", total: total)
        let (figures, before, after) = try node.rewrite(
            store, as: engine, copied: { copying?.reach($0) }, verified: { verifying?.reach($0) })
        bytes = figures.bytes
        diskBytes = after
        diskBytesBefore = before
        self.engine = engine.rawValue
        name = store.name
        records = figures.records
        try copying?.finish()
        try verifying?.finish()
        guard !isQuiet else { return }
        try StandardStreams.print(
            "  \(records) records copied and verified, \(diskBytesBefore.asBytes) on disk before, \(diskBytes.asBytes)"
                + " now")
    }
}
