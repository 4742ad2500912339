public import Engines

/// Why a node cannot start on a data folder, or cannot go on with it: one line that says what to do.
public enum DataFolderError: Error, Sendable, Equatable {
    case locked(path: String, detail: String)
    /// Not a data folder, or one of a newer format.
    case foreign(path: String, detail: String)
    case damaged(path: String, reason: String)
    case otherNode(path: String, recorded: String, asked: String)
    case otherCluster(path: String, recorded: String, asked: String)
    /// The node is none of the members that the cluster is founded with.
    case notAFounder(node: String, founders: [String])
    /// A bucket type is configured with another store than the one that holds its objects.
    case storeChanged(bucketType: String, recorded: String, asked: String)
    case file(EngineError)

    static func wrap<Value>(_ body: () throws(EngineError) -> Value) throws(DataFolderError) -> Value {
        do throws(EngineError) {
            return try body()
        } catch {
            throw .file(error)
        }
    }
}

extension DataFolderError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .locked(let path, let detail):
            "data folder \(path): \(detail)"
        case .foreign(let path, let detail):
            "data folder \(path): \(detail)"
        case .damaged(let path, let reason):
            "\(path) is damaged (\(reason)): restore the whole data folder from a backup, or replace this node"
        case .otherNode(let path, let recorded, let asked):
            "data folder \(path) belongs to node '\(recorded)', not to '\(asked)': start '\(recorded)' on it, or give"
                + " '\(asked)' another folder"
        case .otherCluster(let path, let recorded, let asked):
            "data folder \(path) belongs to cluster \(recorded), asked was \(asked): give this node another folder"
        case .notAFounder(let node, let founders):
            "node '\(node)' is none of the members that the cluster is founded with"
                + " (\(founders.joined(separator: ", "))): add it to cluster.members on all of them"
        case .storeChanged(let bucketType, let recorded, let asked):
            "bucket_types.\(bucketType).store is '\(recorded)' since its first start, not '\(asked)': its objects are"
                + " there; give it that store, or name a new bucket type"
        case .file(let error):
            error.description
        }
    }
}
