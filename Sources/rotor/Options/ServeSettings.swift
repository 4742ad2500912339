import ArgumentParser

/// The settings whose names are fixed, as flags. Those with a name that the user chooses (`--stores-NAME-engine`) are
/// understood where the configuration is read.
struct ServeSettings: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The node's name in its cluster. (default: rotor)", valueName: "name"))
    var nodeName: String?

    @Option(
        name: .long, help: ArgumentHelp("The folder of its data. (default: ./rotor-data)", valueName: "folder"),
        completion: .directory)
    var nodeData: String?

    @Option(
        name: .long, help: ArgumentHelp("What fails together with it: a rack, a room.", valueName: "zone"))
    var nodeZone: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Its share of the load, relative to the other members'. (default: 1)", valueName: "weight"))
    var nodeWeight: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Where HTTP clients reach it. (default: 127.0.0.1:8098)", valueName: "host:port"))
    var listenHttp: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Where protocol buffer clients will. (default: 127.0.0.1:8087)", valueName: "host:port"))
    var listenPbc: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Where the other members reach it. (default: 127.0.0.1:8099)", valueName: "host:port"))
    var listenCluster: String?

    @Option(name: .long, help: ArgumentHelp("The cluster's name, the same on all its nodes.", valueName: "name"))
    var clusterName: String?

    @Option(
        name: .long,
        help: ArgumentHelp("A power of two, fixed at the founding. (default: 256)", valueName: "number"))
    var clusterPartitions: String?

    @Option(name: .long, help: ArgumentHelp("Replicas of an object. (default: 3)", valueName: "number"))
    var clusterN: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What contexts are sealed with, the same on all nodes. A process list shows flags: rather set it in the"
                + " file or as ROTOR_CLUSTER_SECRET.", valueName: "text"))
    var clusterSecret: String?

    @Option(name: .long, help: ArgumentHelp("Members to ask first; means nothing yet.", valueName: "host:port,…"))
    var clusterSeeds: String?

    @Option(
        name: .long, help: ArgumentHelp("The least severe level that is logged. (default: info)", valueName: "level"),
        completion: .list(["trace", "debug", "info", "notice", "warning", "error", "critical"]))
    var logLevel: String?

    @Option(
        name: .long, help: ArgumentHelp("text or json. (default: text)", valueName: "format"),
        completion: .list(["text", "json"]))
    var logFormat: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A request that takes as many milliseconds is logged; 0: none is. (default: 500)", valueName: "number"))
    var logSlowRequestMs: String?

    @Flag(name: .long, help: "Accept listeners beyond loopback although there is no TLS yet.")
    var insecure = false

    /// As the configuration reads flags.
    var arguments: [String] {
        let values = [
            ("--node-name", nodeName), ("--node-data", nodeData), ("--node-zone", nodeZone),
            ("--node-weight", nodeWeight), ("--listen-http", listenHttp), ("--listen-pbc", listenPbc),
            ("--listen-cluster", listenCluster), ("--cluster-name", clusterName),
            ("--cluster-partitions", clusterPartitions), ("--cluster-n", clusterN), ("--cluster-secret", clusterSecret),
            ("--cluster-seeds", clusterSeeds),
            ("--log-level", logLevel), ("--log-format", logFormat),
            ("--log-slow-request-ms", logSlowRequestMs), ("--insecure", insecure ? "true" : nil),
        ]
        return values.compactMap { flag, value in value.map { "\(flag)=\($0)" } }
    }
}
