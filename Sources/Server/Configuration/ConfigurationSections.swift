import Engines
import Logging
import Node

/// Reads one section after the other and checks each value, then what values must hold together.
struct ConfigurationSections {
    var reader: ConfigurationReader
    let file: ConfigurationFile
    let flags: ConfigurationFlags
    private let workingFolder: String

    init(
        layers: ConfigurationLayers, file: ConfigurationFile, flags: ConfigurationFlags, workingFolder: String
    ) {
        reader = ConfigurationReader(layers: layers)
        self.file = file
        self.flags = flags
        self.workingFolder = workingFolder
    }

    mutating func read() -> RotorConfiguration {
        var configuration = RotorConfiguration()
        configuration.node = readNode()
        configuration.cluster = readCluster()
        configuration.insecure = reader.flag(["insecure"], default: false)
        configuration.listen = readListen(insecure: configuration.insecure)
        configuration.stores = readStores()
        configuration.bucketTypes = readBucketTypes(
            n: configuration.cluster.n, stores: configuration.stores)
        configuration.log.level = reader.choice(["log", "level"], default: Logger.Level.info)
        configuration.log.format = reader.choice(["log", "format"], default: LogConfiguration.Format.text)
        configuration.log.slowRequestMilliseconds = reader.integer(
            ["log", "slow_request_ms"], default: configuration.log.slowRequestMilliseconds, in: 0...3_600_000)
        checkMembership(configuration)
        configuration.warnings = reader.warnings
        return configuration
    }

    // MARK: node and listen

    private mutating func readNode() -> NodeConfiguration {
        var node = NodeConfiguration()
        node.name = reader.name(["node", "name"], default: node.name)
        node.zone = reader.zone(["node", "zone"], default: node.zone)
        node.weight = reader.weight(["node", "weight"], default: node.weight)
        let data = reader.text(["node", "data"])
        if let data, data.text.isEmpty || data.text.unicodeScalars.contains("\0") {
            reader.refuse(
                data.place.description, ["node", "data"], "`\(data.text)` is not allowed; allowed: a folder's path")
        }
        node.data = FolderPath.resolved(data?.text ?? node.data, in: data?.place.folder ?? workingFolder)
        return node
    }

    private mutating func readListen(insecure: Bool) -> ListenConfiguration {
        var listen = ListenConfiguration()
        listen.http = reader.address(["listen", "http"], default: listen.http)
        listen.pbc = reader.address(["listen", "pbc"], default: listen.pbc)
        listen.cluster = reader.address(["listen", "cluster"], default: listen.cluster)
        if reader.text(["listen", "pbc"]) != nil {
            reader.warn("listen.pbc is not served yet: nothing listens on \(listen.pbc)")
        }
        let listeners = [("http", listen.http), ("pbc", listen.pbc), ("cluster", listen.cluster)]
        for (index, (name, address)) in listeners.enumerated() {
            let path = ["listen", name]
            let place = reader.text(path)?.place.description ?? "default"
            if !address.isLoopback, !insecure {
                reader.refuse(
                    place, path,
                    "\(address) is not on loopback and there is no TLS yet: anyone who reaches it could read and write;"
                        + " use a loopback address, or accept that with `insecure: true`")
            }
            if let same = listeners[..<index].first(where: { $0.1 == address && address.port != 0 }) {
                reader.refuse(place, path, "\(address) is taken by listen.\(same.0); give it a port of its own")
            }
        }
        return listen
    }

    // MARK: cluster

    private mutating func readCluster() -> ClusterConfiguration {
        var cluster = ClusterConfiguration()
        cluster.name = reader.name(["cluster", "name"], default: cluster.name)
        cluster.partitions = reader.value(
            ["cluster", "partitions"], default: cluster.partitions, allowed: "a power of two from 1 to 65536"
        ) { text in
            Int(text).flatMap { (1...65536).contains($0) && $0.nonzeroBitCount == 1 ? $0 : nil }
        }
        cluster.n = reader.integer(["cluster", "n"], default: cluster.n, in: 1...16)
        if let secret = reader.text(["cluster", "secret"]) {
            cluster.secret = ClusterSecret(secret.text)
            if cluster.secret == nil {
                // A message that shows it would tell it.
                reader.refuse(
                    secret.place.description, ["cluster", "secret"],
                    "what is given is not allowed; allowed: \(ClusterSecret.allowed)")
            }
        }
        if let seeds = reader.text(["cluster", "seeds"]) {
            for text in seeds.text.split(separator: ",").map({ $0.trimmed }) {
                if let seed = ConfigurationRules.peer(text) {
                    cluster.seeds.append(seed)
                } else {
                    reader.refuse(
                        seeds.place.description, ["cluster", "seeds"],
                        "`\(text)` is not allowed; allowed: \(ConfigurationRules.peerAllowed)")
                }
            }
        }
        for (index, tree) in file.members.enumerated() {
            if let member = readMember(tree, index: index, earlier: cluster.members) { cluster.members.append(member) }
        }
        if !cluster.seeds.isEmpty, !file.members.isEmpty {
            reader.warn("cluster.seeds means nothing yet: the members are those that cluster.members names")
        }
        return cluster
    }

    private mutating func readMember(
        _ tree: ConfigurationTree, index: Int, earlier: [Founding.Founder]
    ) -> Founding.Founder? {
        let path = ["cluster", "members", "\(index + 1)"]
        let fields = ["name", "address", "zone", "weight"]
        guard case .map(let entries, let line) = tree else {
            reader.refuse(file.place(tree.line), path, "a map with \(fields.joined(separator: ", ")) belongs here")
            return nil
        }
        var texts: [String: (text: String, line: Int)] = [:]
        for entry in entries {
            guard fields.contains(entry.name) else {
                let allowed = fields.joined(separator: ", ")
                reader.refuse(
                    file.place(entry.line), path + [entry.name], "there is no such entry; allowed: \(allowed)")
                continue
            }
            guard case .scalar(let text, false, let line) = entry.value else {
                reader.refuse(file.place(entry.value.line), path + [entry.name], "a single value belongs here")
                continue
            }
            texts[entry.name] = (text, line)
        }
        func parsed<Parsed>(
            _ field: String, default fallback: Parsed?, allowed: String, parse: (String) -> Parsed?
        ) -> Parsed? {
            guard let (text, line) = texts[field] else {
                if fallback == nil, !entries.contains(where: { $0.name == field }) {
                    reader.refuse(file.place(line), path, "`\(field)` is missing")
                }
                return fallback
            }
            guard let value = parse(text) else {
                reader.refuse(file.place(line), path + [field], "`\(text)` is not allowed; allowed: \(allowed)")
                return nil
            }
            return value
        }
        let name = parsed("name", default: nil, allowed: ConfigurationRules.nameAllowed) {
            ConfigurationRules.isName($0) ? $0 : nil
        }
        let address = parsed(
            "address", default: nil, allowed: ConfigurationRules.peerAllowed, parse: ConfigurationRules.peer)
        let zone = parsed("zone", default: NodeConfiguration().zone, allowed: ConfigurationRules.zoneAllowed) {
            ConfigurationRules.isZone($0) ? $0 : nil
        }
        let weight = parsed(
            "weight", default: 1.0, allowed: ConfigurationRules.weightAllowed, parse: ConfigurationRules.weight)
        guard let name, let address, let zone, let weight else { return nil }
        if earlier.contains(where: { $0.name == name }) {
            reader.refuse(file.place(line), path + ["name"], "`\(name)` is the name of an earlier member; names differ")
        }
        if earlier.contains(where: { $0.address == address.description }) {
            reader.refuse(
                file.place(line), path + ["address"],
                "`\(address)` is the address of an earlier member; addresses differ")
        }
        return Founding.Founder(name: name, address: address.description, zone: zone, weight: weight)
    }

    /// What the node says of itself against what `cluster.members` says of it.
    private mutating func checkMembership(_ configuration: RotorConfiguration) {
        let (node, members) = (configuration.node, configuration.cluster.members)
        guard !members.isEmpty, members.count == file.members.count else { return }
        guard let own = members.first(where: { $0.name == node.name }) else {
            let place = reader.text(["node", "name"])?.place.description ?? "default"
            let names = members.map(\.name).joined(separator: ", ")
            reader.refuse(place, ["node", "name"], "`\(node.name)` is not among cluster.members; allowed: \(names)")
            return
        }
        if reader.text(["node", "zone"]) != nil, own.zone != node.zone {
            reader.warn("node.zone is \(node.zone), cluster.members says \(own.zone) of \(own.name): the latter counts")
        }
        if reader.text(["node", "weight"]) != nil, own.weight != node.weight {
            reader.warn(
                "node.weight is \(node.weight), cluster.members says \(own.weight) of \(own.name): the latter counts")
        }
        if let address = NetworkAddress(own.address), address.port != configuration.listen.cluster.port {
            reader.warn(
                "\(own.name) listens for members on \(configuration.listen.cluster), and cluster.members sends them to"
                    + " \(own.address)")
        }
    }
}

extension Substring {
    var trimmed: String {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
