import ArgumentParser
import Engines
import Server

struct StoreInfo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show what the stores of a stopped node are: engine, records, bytes on disk.",
        discussion: """
            With --json: [{"disk_bytes","engine","name","path","records"}].
            """)

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: JSONOption

    private struct Description: Encodable {
        var diskBytes: Int
        var engine: String
        var name: String
        var path: String
        var records: Int
    }

    func run() throws {
        var found: [Description] = []
        try stores.forEachStore { node, store in
            let figures = try node.withEngine(of: store) { try $0.statistics() }
            found.append(
                Description(
                    diskBytes: figures.diskBytes, engine: store.engine.rawValue, name: store.name, path: store.path,
                    records: figures.entries))
        }
        if output.json { return try JSONOutput.print(found) }
        var table = TextTable()
        for store in found {
            table.add(store.name, store.engine, "\(store.records) records", store.diskBytes.asBytes, store.path)
        }
        for line in table.lines() { try StandardStreams.print(line) }
    }
}
