import Engines
import Node
import Versions

extension ConfigurationSections {
    /// The names below `section`: the file's, then those that only a flag gives. All of them checked.
    private mutating func readNames(in section: String, default fallback: String?) -> [String] {
        var places: [(name: String, place: String)] = file.names[section] ?? []
        for (path, value) in flags.values.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
        where path[0] == section && !places.contains(where: { $0.name == path[1] }) {
            places.append((path[1], value.place.description))
        }
        for (name, place) in places where !ConfigurationRules.isName(name) {
            reader.refuse(
                place, [section, name], "the name is not allowed; allowed: \(ConfigurationRules.nameAllowed)")
        }
        for (name, place) in places where section == "stores" && name == DataFolder.hints {
            reader.refuse(place, [section, name], "the name is taken by the node's own store of hints")
        }
        var found = places.map(\.name)
        if let fallback, !found.contains(fallback) { found.append(fallback) }
        return found.sorted()
    }

    mutating func readStores() -> [StoreConfiguration] {
        // A file that names stores means those and no other.
        let names = readNames(in: "stores", default: file.names["stores"] == nil ? "default" : nil)
        return names.map { name in
            if let place = file.names["stores"]?.first(where: { $0.name == name })?.place,
                reader.text(["stores", name, "engine"]) == nil
            {
                let allowed = EngineKind.allCases.map(\.rawValue).joined(separator: ", ")
                if !file.problems.contains(where: { "\($0.entry).".hasPrefix("stores.\(name).") }) {
                    reader.refuse(place, ["stores", name], "`engine` is missing; allowed: \(allowed)")
                }
            }
            return readStore(name)
        }
    }

    private mutating func readStore(_ name: String) -> StoreConfiguration {
        let section = ["stores", name]
        var store = StoreConfiguration(
            name: name, engine: reader.choice(section + ["engine"], default: EngineKind.lmdb))
        store.writePath = reader.choice(section + ["write_path"], default: store.writePath)
        if store.engine == .memory, store.writePath == .logged, let place = reader.text(section + ["write_path"])?.place
        {
            reader.refuse(
                place.description, section + ["write_path"],
                "a log before the memory engine would keep nothing; allowed: direct, buffered")
        }
        store.options.bufferObjects = reader.integer(
            section + ["buffer_objects"], default: store.options.bufferObjects, in: 1...(1 << 30))
        if reader.text(section + ["buffer_bytes"]) != nil {
            store.options.bufferBytes = reader.integer(
                section + ["buffer_bytes"], default: 1 << 20, in: (1 << 20)...(1 << 40))
        }
        store.options.logBytes = reader.integer(
            section + ["log_bytes"], default: store.options.logBytes, in: (128 << 20)...(1 << 40))
        return store
    }

    mutating func readBucketTypes(n clusterN: Int, stores: [StoreConfiguration]) -> [BucketType] {
        readNames(in: "bucket_types", default: "default").map { name in
            var type = readBucketType(name, clusterN: clusterN, stores: stores.map(\.name))
            // Dynamo §6.1: behind a buffer a put waits for no sync, unless it is asked to.
            let isBuffered = stores.first { $0.name == type.store }?.writePath == .buffered
            type.dw = quorum(
                ["bucket_types", name, "dw"], default: isBuffered ? .count(0) : type.dw, from: 0, n: type.n)
            return type
        }
    }

    private mutating func readBucketType(_ name: String, clusterN: Int, stores: [String]) -> BucketType {
        let section = ["bucket_types", name]
        let n = reader.value(
            section + ["n"], default: clusterN, allowed: "a whole number from 1 to \(clusterN), which is cluster.n"
        ) { text in
            Int(text).flatMap { (1...clusterN).contains($0) ? $0 : nil }
        }
        var type = BucketType(name: name, store: "default", n: n)
        let place = file.names["bucket_types"]?.first { $0.name == name }?.place ?? "default"
        if let store = reader.text(section + ["store"]) {
            type.store = store.text
            if !stores.contains(store.text) {
                reader.refuse(
                    store.place.description, section + ["store"],
                    "there is no store `\(store.text)`; allowed: \(stores.joined(separator: ", "))")
            }
        } else if !stores.contains(type.store) {
            reader.refuse(
                place, section,
                "`store` is missing, and there is no store `default`; allowed: \(stores.joined(separator: ", "))")
        }
        type.r = quorum(section + ["r"], default: type.r, from: 1, n: n)
        type.w = quorum(section + ["w"], default: type.w, from: 1, n: n)
        type.pr = quorum(section + ["pr"], default: type.pr, from: 0, n: n)
        type.pw = quorum(section + ["pw"], default: type.pw, from: 0, n: n)
        type.notFoundOK = reader.flag(section + ["notfound_ok"], default: type.notFoundOK)
        type.basicQuorum = reader.flag(section + ["basic_quorum"], default: type.basicQuorum)
        type.policy = policy(section)
        type.maximumObjectBytes = reader.integer(
            section + ["max_object_bytes"], default: type.maximumObjectBytes, in: 1...EngineLimits.maximumValueLength)
        type.maximumSiblings = reader.integer(
            section + ["max_siblings"], default: type.maximumSiblings, in: 1...10_000)
        let limit = reader.integer(section + ["vector_limit"], default: 0, in: 0...10_000)
        type.vectorLimit = limit == 0 ? nil : limit
        return type
    }

    /// A quorum is checked against n here, so that a request never finds it out.
    private mutating func quorum(_ path: [String], default fallback: Quorum, from least: Int, n: Int) -> Quorum {
        let allowed = "a whole number from \(least) to \(n), which is n; one, quorum, all, default"
        return reader.value(path, default: fallback, allowed: allowed) { text in
            switch text {
            case "one": .one
            case "quorum": .quorum
            case "all": .all
            case "default": fallback
            default: Int(text).flatMap { (least...n).contains($0) ? .count($0) : nil }
            }
        }
    }

    /// Siblings unless the type says otherwise: a write is not lost without being asked for.
    private mutating func policy(_ section: [String]) -> ConflictPolicy {
        let lastWriteWins = reader.flag(section + ["last_write_wins"], default: false)
        let siblings = reader.flag(section + ["allow_mult"], default: !lastWriteWins)
        if lastWriteWins, siblings, let place = reader.text(section + ["allow_mult"])?.place {
            reader.refuse(
                place.description, section + ["allow_mult"], "it is true, and last_write_wins too; only one can be")
        }
        return siblings ? .siblings : .lastWriteWins
    }

    /// Variables that begin like ours and are none of ours: a misspelt one would go unnoticed. Not refused, since
    /// orchestrators set variables after the names of their services (`ROTOR_CLUSTER_PORT`).
    func unknownVariables(in environment: [String: String]) -> [String] {
        let sections = ["NODE", "LISTEN", "CLUSTER", "STORES", "BUCKET_TYPES", "LOG"].map { "ROTOR_\($0)_" }
        return environment.keys.sorted()
            .filter { name in sections.contains { name.hasPrefix($0) } && !reader.variables.contains(name) }
            .map { "\($0) is set in the environment and means nothing here" }
    }
}
