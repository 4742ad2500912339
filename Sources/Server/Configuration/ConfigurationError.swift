/// Where a setting was written.
struct ConfigurationPlace: Sendable, Equatable, CustomStringConvertible {
    /// `shop.yaml:7`, `--node-name` or `ROTOR_NODE_NAME`.
    var description: String
    /// Relative paths count from here: the file's folder, or the working folder.
    var folder: String
}

/// One thing that is wrong: where, which entry, and what is allowed.
public struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
    /// `shop.yaml:7`, `--node-name`, `ROTOR_NODE_NAME`, or the file's name where no line is known.
    public var place: String
    /// `stores.default.engine`; empty where the whole is meant.
    public var entry: String
    public var message: String

    public var description: String {
        entry.isEmpty ? "\(place): \(message)" : "\(place): \(entry): \(message)"
    }
}

/// Everything that is wrong with a configuration, found in one go; a line each.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    public var problems: [ConfigurationProblem]

    public var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}
