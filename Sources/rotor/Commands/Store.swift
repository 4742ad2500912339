import ArgumentParser
import Engines
import Server

struct Store: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at, verify, compact and move the stores of a stopped node.",
        discussion: """
            The node must not run: its data folder is locked meanwhile. What a store's log holds is brought into its \
            engine first.

              rotor store info
              rotor store check --data ./data/a
              rotor store compact large --data ./data/a
              rotor store copy large --to-engine lmdb --data ./data/a
            """,
        subcommands: [StoreInfo.self, StoreCheck.self, StoreCompact.self, StoreCopy.self, StoreVerify.self])
}

/// Which stores of which node.
struct StoreOptions: ParsableArguments {
    @Argument(help: "The stores' names. (default: all of the node's)")
    var names: [String] = []

    @Option(name: .long, help: ArgumentHelp("The node's data folder.", valueName: "folder"))
    var data = "rotor-data"

    /// Calls `body` with each store, while the node's folder is locked.
    func forEachStore(_ body: (StoppedNode, StoppedNode.Store) throws -> Void) throws {
        let node: StoppedNode
        do {
            node = try StoppedNode(dataPath: data)
        } catch {
            throw CommandFailure(.refused, error.description)
        }
        defer { node.release() }
        for name in names where !node.stores.contains(where: { $0.name == name }) {
            let known = node.stores.map(\.name).joined(separator: ", ")
            throw CommandFailure(.refused, "no store '\(name)' in \(data): there are \(known)")
        }
        for store in node.stores where names.isEmpty || names.contains(store.name) {
            do {
                try body(node, store)
            } catch let error as EngineError {
                throw CommandFailure(.refused, "store \(store.name): \(error)")
            } catch let error as RewriteFailure {
                throw CommandFailure(.refused, "store \(store.name): \(error)")
            }
        }
    }
}
