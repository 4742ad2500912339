public import Engines
public import Logging
public import Node

/// All that a node is told from outside, checked: what is here can be used as it is.
///
/// `RotorConfiguration()` is what a node runs on without a file: a cluster of its own, its data in `rotor-data` below
/// the working folder, every listener on loopback.
public struct RotorConfiguration: Sendable, Equatable {
    public var node = NodeConfiguration()
    public var listen = ListenConfiguration()
    public var cluster = ClusterConfiguration()
    /// In order of their names, never empty.
    public var stores = [StoreConfiguration(name: "default", engine: .lmdb)]
    /// In order of their names; `default` is always among them.
    public var bucketTypes = [BucketType(name: "default", store: "default", n: 3)]
    public var log = LogConfiguration()
    /// Whether listeners beyond loopback are accepted although they are neither encrypted nor authenticated.
    public var insecure = false
    /// What is odd but not wrong, one line each, to be logged at the start.
    public var warnings: [String] = []

    public init() {}
}

public struct NodeConfiguration: Sendable, Equatable {
    public var name = "rotor"
    /// The data folder. Absolute once ``RotorConfiguration/read(file:flags:environment:workingFolder:)`` made it.
    public var data = "rotor-data"
    public var zone = "default"
    /// Relative to the other members' weights.
    public var weight = 1.0

    public init() {}
}

public struct ListenConfiguration: Sendable, Equatable {
    public var http = NetworkAddress(host: "127.0.0.1", port: 8098)
    public var pbc = NetworkAddress(host: "127.0.0.1", port: 8087)
    public var cluster = NetworkAddress(host: "127.0.0.1", port: 8099)

    public init() {}
}

public struct ClusterConfiguration: Sendable, Equatable {
    public var name = "rotor"
    /// A power of two.
    public var partitions = 256
    public var n = 3
    /// Nil: contexts are sealed against mistakes only (``RuntimeSettings/secret``).
    public var secret: ClusterSecret?
    public var seeds: [NetworkAddress] = []
    /// Read at a node's first start only, in the file's order. Empty: see ``beginning``.
    public var members: [Founding.Founder] = []

    /// How a node without data begins (design of the founding, Dynamo §4.8.2).
    public enum Beginning: Sendable, Equatable {
        /// Neither members nor seeds: a cluster of one.
        case alone
        /// With the members named here, who all read the same.
        case withMembers
        /// Seeds only: it waits until it is told to join.
        case waiting
    }

    public var beginning: Beginning {
        if !members.isEmpty { return .withMembers }
        return seeds.isEmpty ? .alone : .waiting
    }

    public init() {}
}

public struct StoreConfiguration: Sendable, Equatable {
    public var name: String
    public var engine: EngineKind
    public var writePath: WritePath
    /// The bounds of its buffer and log.
    public var options = WritePathOptions()

    public init(name: String, engine: EngineKind) {
        self.name = name
        self.engine = engine
        writePath = .usual(for: engine)
    }
}

public struct LogConfiguration: Sendable, Equatable {
    public enum Format: String, Sendable, CaseIterable {
        case text
        case json
    }

    public var level = Logger.Level.info
    public var format = Format.text
    /// A request that takes as long is logged; 0: none is.
    public var slowRequestMilliseconds = 500

    public init() {}
}
