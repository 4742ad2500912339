/// How many replies a request waits for, as clients and bucket types state it.
public enum Quorum: Hashable, Sendable, CustomStringConvertible {
    case count(Int)
    case one
    /// floor(N/2) + 1.
    case quorum
    case all

    /// The number for `n` replicas. A count is taken as it is: whoever accepts it checks it against N.
    public func resolved(for n: Int) -> Int {
        switch self {
        case .count(let count): count
        case .one: min(1, n)
        case .quorum: n / 2 + 1
        case .all: n
        }
    }

    public var description: String {
        switch self {
        case .count(let count): "\(count)"
        case .one: "one"
        case .quorum: "quorum"
        case .all: "all"
        }
    }
}

/// The numbers a request can fall short of, by the names of the client interface.
public enum QuorumKind: String, Sendable {
    case r
    case pr
    case w
    case pw
    case dw
}
