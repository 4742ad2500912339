public import ArgumentParser
import Placement
public import RiakWire
import RotorClient

/// Names an object.
struct ObjectName: ParsableArguments {
    @Option(name: .long, help: "The bucket's type: its quorums, its conflict policy and the store of its objects.")
    var type = "default"

    @Argument(help: "The bucket. It is made by its first use.")
    var bucket: String

    @Argument(help: "The key within the bucket.")
    var key: String

    var objectKey: ObjectKey { ObjectKey(type: type, bucket: bucket, key: key) }

    /// As messages name it.
    var text: String { type == "default" ? "\(bucket)/\(key)" : "\(type)/\(bucket)/\(key)" }
}

/// How many replicas a read waits for, and how long.
struct ReadQuorums: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("Replies a read waits for: a number, one, quorum, all or default.", valueName: "r"))
    var r: QuorumValue?

    @Option(name: .long, help: ArgumentHelp("Of those, how many from the key's own holders.", valueName: "pr"))
    var pr: QuorumValue?
}

/// How many replicas a write waits for.
struct WriteQuorums: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("Replicas a write waits for: a number, one, quorum, all or default.", valueName: "w"))
    var w: QuorumValue?

    @Option(name: .long, help: ArgumentHelp("Of those, how many from the key's own holders.", valueName: "pw"))
    var pw: QuorumValue?

    @Option(name: .long, help: ArgumentHelp("Of those, how many that have synced it to disk.", valueName: "dw"))
    var dw: QuorumValue?
}

struct TimeoutOption: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Milliseconds the node may take, up to 600000. (default: 10000)", valueName: "milliseconds"))
    var timeout: Int?

    func validate() throws {
        guard let timeout, !(1...600_000).contains(timeout) else { return }
        throw ValidationError("--timeout \(timeout) is not a number of milliseconds from 1 to 600000")
    }
}

extension QuorumValue: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(text: argument)
    }

    public var defaultValueDescription: String { text }

    public static var allValueStrings: [String] { ["one", "quorum", "all", "default"] }
}

extension ReadOptions {
    init(_ quorums: ReadQuorums, _ timeout: TimeoutOption) {
        self.init()
        r = quorums.r
        pr = quorums.pr
        timeoutMilliseconds = timeout.timeout
    }
}

extension WriteOptions {
    init(_ quorums: WriteQuorums, _ reads: ReadQuorums?, _ timeout: TimeoutOption) {
        self.init()
        r = reads?.r
        pr = reads?.pr
        w = quorums.w
        pw = quorums.pw
        dw = quorums.dw
        timeoutMilliseconds = timeout.timeout
    }
}
