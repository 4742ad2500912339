import ArgumentParser
import RotorClient

struct Locate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show where an object lives: hash, partition, slots and preference list.",
        discussion: """
            The key's hash chooses a partition, the partition's slots have holders, and the preference list is \
            those in slot order, then the members that stand in for them (Dynamo §4.2, §4.3). Whether there is such \
            an object does not matter.

              rotor locate cart ann

            With --json: {"hash","n","partition","partitions","preflist":[{"address","node","primary", \
            "reachable","slot","zone"}]}; a stand-in has no slot.
            """)

    @OptionGroup var name: ObjectName
    @OptionGroup var connection: ConnectOptions
    @OptionGroup var output: JSONOption

    func run() async throws {
        let found = try await connection.withClient { try await $0.whereabouts(of: name.objectKey) }
        if output.json { return try JSONOutput.print(found) }
        var head = TextTable()
        head.add("key", name.text)
        head.add("hash", found.hash)
        head.add("partition", "\(found.partition) of \(found.partitions)")
        head.add("replicas", "\(found.n)")
        var places = TextTable()
        for place in found.preflist {
            places.add(
                place.slot.map { "slot \($0)" } ?? "stand-in", place.node, place.address, place.zone,
                place.reachable ? "reachable" : "not reachable")
        }
        for line in head.lines() + ["preference list"] + places.lines(indent: 2) { try StandardStreams.print(line) }
    }
}
