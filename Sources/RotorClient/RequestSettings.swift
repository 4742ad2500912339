public import RiakWire

/// How a client deals with nodes that do not answer.
public struct ClientSettings: Sendable {
    /// A node that has not accepted the connection by then counts as down.
    public var connectMilliseconds = 2_000
    /// The node's own limit for requests that state none. The client waits a little longer, so that it hears the
    /// node's answer instead of giving up just before it.
    public var requestMilliseconds = 10_000
    public var graceMilliseconds = 2_000
    /// Connections to one node at a time; further requests wait for one.
    public var connectionsPerNode = 64
    /// Bytes of an answer. Siblings add up: each may be as large as an object.
    public var maximumAnswerBytes = 512 << 20

    public init() {}
}

/// What a get may ask for. Nil: as the bucket type says.
public struct ReadOptions: Hashable, Sendable {
    /// Replies to wait for.
    public var r: QuorumValue?
    /// Of those, from the key's own holders.
    public var pr: QuorumValue?
    public var timeoutMilliseconds: Int?

    public init() {}
}

/// What a put or a delete may ask for. Nil: as the bucket type says.
public struct WriteOptions: Hashable, Sendable {
    /// For the read that comes before a delete without a context.
    public var r: QuorumValue?
    public var pr: QuorumValue?
    /// Acknowledgements to wait for.
    public var w: QuorumValue?
    /// Of those, from the key's own holders.
    public var pw: QuorumValue?
    /// Of those, of writes that were synced.
    public var dw: QuorumValue?
    public var timeoutMilliseconds: Int?

    public init() {}
}

extension QuorumValue {
    /// As the interface writes it: `one`, `quorum`, `all`, `default`, or a number.
    public var text: String {
        switch self {
        case .byDefault: "default"
        case .one: "one"
        case .quorum: "quorum"
        case .all: "all"
        case .count(let count): "\(count)"
        }
    }

    /// Nil for anything else.
    public init?(text: String) {
        switch text {
        case "default": self = .byDefault
        case "one": self = .one
        case "quorum": self = .quorum
        case "all": self = .all
        default:
            guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let count = Int(text)
            else { return nil }
            self = .count(count)
        }
    }
}

extension ReadOptions {
    var query: String {
        Query.text([
            ("r", r?.text), ("pr", pr?.text), ("timeout", timeoutMilliseconds.map { "\($0)" }),
        ])
    }
}

extension WriteOptions {
    var query: String {
        Query.text([
            ("r", r?.text), ("pr", pr?.text), ("w", w?.text), ("pw", pw?.text), ("dw", dw?.text),
            ("timeout", timeoutMilliseconds.map { "\($0)" }),
        ])
    }
}

private enum Query {
    /// None of the values needs escapes.
    static func text(_ options: [(name: String, value: String?)]) -> String {
        let pairs = options.compactMap { option in option.value.map { "\(option.name)=\($0)" } }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }
}
