import ArgumentParser
import RotorClient

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a node, the members it knows and its stores.",
        discussion: """
            The first node that answers tells what it sees.

              rotor status
              rotor status --connect 127.0.0.1:8198    that node's view

            With --json: the node's report, {"bucket_types","cluster","cluster_id","counters","hints", \
            "incarnation","member","n","node","partitions","peers":[…],"ready","replicas", \
            "requests_in_flight","start","stores":[…],"uptime_seconds","versions_returned"}.
            """)

    @OptionGroup var connection: ConnectOptions
    @OptionGroup var output: JSONOption

    func run() async throws {
        let report = try await connection.withClient { try await $0.status() }
        if output.json { return try JSONOutput.print(report) }
        for line in StatusPage(report).lines { try StandardStreams.print(line) }
    }
}

/// What a person sees of a node.
struct StatusPage {
    private let report: NodeReport

    init(_ report: NodeReport) {
        self.report = report
    }

    var lines: [String] {
        head.lines() + ["", "members"] + members.lines(indent: 2) + ["", "stores"] + stores.lines(indent: 2)
            + ["", "since the start"] + counters.lines(indent: 2)
    }

    private var head: TextTable {
        var table = TextTable()
        table.add("node", "\(report.node)\(report.ready ? "" : ", starting: not ready yet")")
        table.add("member", "\(report.member), start \(report.start), incarnation \(report.incarnation)")
        table.add("cluster", "\(report.cluster), id \(report.clusterID)")
        let fewer =
            report.replicas < report.n ? ", for now \(report.replicas): as many as there are members" : ""
        table.add("placement", "\(report.partitions) partitions, n=\(report.n)\(fewer)")
        table.add("bucket types", report.bucketTypes.joined(separator: ", "))
        table.add("up", Self.time(report.uptimeSeconds))
        table.add("requests", "\(report.requestsInFlight) under way")
        table.add("hints", "\(report.hints.count) kept for other members, \(report.hints.bytes.asBytes)")
        return table
    }

    private var members: TextTable {
        var table = TextTable()
        for peer in report.peers {
            table.add(
                peer.name, state(of: peer), peer.address, "zone \(peer.zone)", "weight \(peer.weight)",
                "\(peer.partitions) partitions")
        }
        return table
    }

    /// As this node sees it. What is not as it should be is not to be overlooked.
    private func state(of peer: NodeReport.Peer) -> String {
        if peer.name == report.node { return "this node" }
        guard peer.linked else { return "NOT LINKED, down" }
        return "linked, " + (peer.state == "up" ? peer.state : peer.state.uppercased())
    }

    private var stores: TextTable {
        var table = TextTable()
        for store in report.stores {
            let failure = store.failure.map { "DOES NOT WORK: \($0)" }
            let damage = store.damagedRecords > 0 ? "\(store.damagedRecords) DAMAGED RECORDS" : nil
            let waiting = "\(store.waitingWrites) writes and \(store.waitingReads) reads waiting"
            let buffer =
                store.bufferedObjects > 0
                ? "\(store.bufferedObjects) objects (\(store.bufferedBytes.asBytes)) on their way to the engine" : nil
            table.add(
                store.name, "\(store.engine) \(store.writePath)", "\(store.entries) entries", store.diskBytes.asBytes,
                "\(store.writes) writes in \(store.commits) commits",
                [failure, damage, buffer, waiting].compactMap(\.self).joined(separator: ", "))
        }
        return table
    }

    private var counters: TextTable {
        var table = TextTable()
        for (name, count) in report.counters.sorted(by: { $0.key < $1.key }) { table.add(name, "\(count)") }
        let kinds = ["one version", "two", "three", "four or more"]
        let returned = zip(kinds, report.versionsReturned).map { "\($0.0) \($0.1)" }
        table.add("gets that returned", returned.joined(separator: ", "))
        return table
    }

    /// `3 d 04:05:06`.
    static func time(_ seconds: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let days = seconds / 86_400
        return (days > 0 ? "\(days) d " : "")
            + "\(two(seconds / 3600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }
}
