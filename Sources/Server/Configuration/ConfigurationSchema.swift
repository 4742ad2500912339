/// Which entries there are.
indirect enum ConfigurationSchema: Sendable {
    case scalar(help: String)
    /// Texts; in a flag or the environment separated by commas.
    case list(help: String)
    case map([(name: String, schema: ConfigurationSchema)])
    /// A map whose names the user chooses.
    case named(ConfigurationSchema)
    case listOfMaps([String])

    static let root = ConfigurationSchema.map([
        (
            "node",
            .map([
                ("name", .scalar(help: "the node's name in its cluster")),
                ("data", .scalar(help: "the folder of its data")),
                ("zone", .scalar(help: "what fails together with it: a rack, a room")),
                ("weight", .scalar(help: "its share of the load, relative to the other members'")),
            ])
        ),
        (
            "listen",
            .map([
                ("http", .scalar(help: "HOST:PORT for HTTP clients")),
                ("pbc", .scalar(help: "HOST:PORT for protocol buffer clients")),
                ("cluster", .scalar(help: "HOST:PORT for the other members")),
            ])
        ),
        (
            "cluster",
            .map([
                ("name", .scalar(help: "the cluster's name, the same on all its nodes")),
                ("partitions", .scalar(help: "a power of two, fixed at the founding")),
                ("n", .scalar(help: "replicas of a partition")),
                ("secret", .scalar(help: "what contexts are sealed with, the same on all its nodes")),
                ("seeds", .list(help: "HOST:PORT,… of members to ask first")),
                ("members", .listOfMaps(["name", "address", "zone", "weight"])),
            ])
        ),
        (
            "stores",
            .named(
                .map([
                    ("engine", .scalar(help: "the engine of this store")),
                    ("write_path", .scalar(help: "direct, buffered or logged: how writes reach its engine")),
                    ("buffer_objects", .scalar(help: "objects that its buffer holds at most")),
                    ("buffer_bytes", .scalar(help: "bytes that its buffer holds at most")),
                    ("log_bytes", .scalar(help: "bytes that its log takes at most")),
                ]))
        ),
        (
            "bucket_types",
            .named(
                .map([
                    ("store", .scalar(help: "the store of its objects")),
                    ("n", .scalar(help: "replicas")),
                    ("r", .scalar(help: "answers a get waits for")),
                    ("w", .scalar(help: "acknowledgements a put waits for")),
                    ("pr", .scalar(help: "of the answers to a get, how many from holders")),
                    ("pw", .scalar(help: "of the acknowledgements, how many from holders")),
                    ("dw", .scalar(help: "of the acknowledgements, how many durable")),
                    ("notfound_ok", .scalar(help: "whether a not-found counts as an answer")),
                    ("basic_quorum", .scalar(help: "whether a majority of not-founds ends a get")),
                    ("allow_mult", .scalar(help: "whether concurrent writes stay as siblings")),
                    ("last_write_wins", .scalar(help: "whether only the newest write stays")),
                    ("max_object_bytes", .scalar(help: "the largest value, with its metadata")),
                    ("max_siblings", .scalar(help: "a put that would leave more is refused")),
                    ("vector_limit", .scalar(help: "entries a version vector keeps; 0 keeps them all")),
                ]))
        ),
        (
            "log",
            .map([
                ("level", .scalar(help: "the least severe level that is logged")),
                ("format", .scalar(help: "text or json")),
                ("slow_request_ms", .scalar(help: "a request that takes as long is logged; 0: none is")),
            ])
        ),
        ("insecure", .scalar(help: "accept listeners beyond loopback without TLS")),
    ])

    /// What a user writes for this entry, for messages.
    var shape: String {
        switch self {
        case .scalar: "a single value"
        case .list: "a list of texts"
        case .map(let fields): "a map with \(fields.map(\.name).joined(separator: ", "))"
        case .named: "a map from names to maps"
        case .listOfMaps(let fields): "a list of maps with \(fields.joined(separator: ", "))"
        }
    }
}

/// A setting that is also a flag and a variable of the environment.
public struct ConfigurationSetting: Sendable, Equatable {
    /// `["node", "name"]`. `NAME` stands for a name that the user chooses.
    public var path: [String]
    public var help: String

    /// `--node-name`.
    public var flag: String {
        "--" + path.map { $0.split(separator: "_").joined(separator: "-") }.joined(separator: "-")
    }

    /// `ROTOR_NODE_NAME`.
    public var variable: String {
        "ROTOR_" + path.map { $0.uppercased() }.joined(separator: "_")
    }

    /// All of them, in the order of the file.
    public static let all = settings(of: .root, at: [])

    private static func settings(of schema: ConfigurationSchema, at path: [String]) -> [ConfigurationSetting] {
        switch schema {
        case .scalar(let help), .list(let help): [ConfigurationSetting(path: path, help: help)]
        case .map(let fields): fields.flatMap { settings(of: $0.schema, at: path + [$0.name]) }
        case .named(let inner): settings(of: inner, at: path + ["NAME"])
        case .listOfMaps: []
        }
    }

    /// The path that a flag means: `--stores-large-engine` is `stores.large.engine`.
    static func path(ofFlag flag: String) -> [String]? {
        if let setting = all.first(where: { $0.flag == flag && !$0.path.contains("NAME") }) { return setting.path }
        return all.compactMap { setting -> (path: [String], fixed: Int)? in
            guard let position = setting.path.firstIndex(of: "NAME") else { return nil }
            let parts = setting.flag.split(separator: "NAME", omittingEmptySubsequences: false)
            guard parts.count == 2, flag.hasPrefix(parts[0]), flag.hasSuffix(parts[1]),
                flag.utf8.count > parts[0].utf8.count + parts[1].utf8.count
            else { return nil }
            var path = setting.path
            path[position] = String(flag.dropFirst(parts[0].count).dropLast(parts[1].count))
            return (path, parts[1].count)
        }
        // `--bucket-types-a-basic-quorum` ends in more than one field's name: the longest is meant.
        .max { $0.fixed < $1.fixed }?.path
    }
}
