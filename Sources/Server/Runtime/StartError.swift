/// Why a node did not start, in one line. What had been opened is closed again.
public enum StartError: Error, Sendable, CustomStringConvertible {
    case folder(DataFolderError)
    case store(name: String, reason: String)
    case bucketType(String)
    case address(member: String, address: String)
    case listen(ListenError)

    public var description: String {
        switch self {
        case .folder(let error): "\(error)"
        case .store(let name, let reason): "store '\(name)' does not open: \(reason)"
        case .bucketType(let reason): reason
        case .address(let member, let address):
            "member '\(member)' has the address '\(address)': HOST:PORT or [IPv6]:PORT is needed"
        case .listen(let error): "\(error)"
        }
    }
}

/// Why a node that ran has ended by itself.
public enum RuntimeFailure: Error, Sendable, CustomStringConvertible {
    /// The node's own record could not be made durable: going on could break promises to the other members.
    case record(DataFolderError)

    public var description: String {
        switch self {
        case .record(let error): "the node's record cannot be written, so it stops: \(error)"
        }
    }
}
