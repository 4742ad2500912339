import ArgumentParser
import Engines
import Server

struct StoreCopy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Move a stopped node's stores to another engine.",
        discussion: """
            Every record is copied, read again and compared; then the new store takes the old one's place. Name the \
            new engine in the configuration before the next start.

            With --json: [{"bytes","disk_bytes","disk_bytes_before","engine","name","records"}].
            """)

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: JSONOption

    @Option(name: .long, help: "lmdb, bdb or sqlite.")
    var toEngine: EngineKind

    func validate() throws {
        guard toEngine != .memory else { throw ValidationError("--to-engine memory would keep nothing") }
    }

    func run() throws {
        var rewrites: [StoreRewrite] = []
        try stores.forEachStore { node, store in
            guard store.engine != toEngine else {
                throw CommandFailure(.refused, "store \(store.name) is on \(toEngine) already: nothing was done to it")
            }
            rewrites.append(try StoreRewrite(of: store, in: node, as: toEngine, isQuiet: output.json))
            if !output.json {
                try StandardStreams.print("  now set stores.\(store.name).engine to \(toEngine) in the configuration")
            }
        }
        if output.json { try JSONOutput.print(rewrites) }
    }
}
