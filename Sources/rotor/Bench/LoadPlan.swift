import NIOCore
import Placement
import RiakWire
import RotorClient

/// What a load generator does, the same for all its connections.
struct LoadPlan: Sendable {
    var endpoints: [Endpoint]
    var connections: Int
    var valueBytes: Int
    /// 0: every put makes a new key. Otherwise the keys are stored beforehand, and each put reads the context of its
    /// key first, as a client of an object that others may write does.
    var keys: Int
    /// From 0 to 1; the others are gets.
    var putRatio: Double
    var seconds: Int
    var type: String
    /// An earlier run with the same name has stored the keys.
    var areStored = false
    /// Behind each address, such as `?r=1`.
    var query = ""
    /// Part of all keys, so that two runs on one cluster have none in common.
    var run: String

    /// A connection has keys of its own, so that no two writes of the plan are concurrent.
    func keyCount(of connection: Int) -> Int {
        keys / connections + (connection < keys % connections ? 1 : 0)
    }

    /// What stands before the key's number, which needs no escapes.
    func path(connection: Int) -> String {
        RequestTarget.path(of: ObjectKey(type: type, bucket: "bench", key: "\(run)-\(connection)-"))
    }

    /// No answer by then counts as an error, and the connection is made anew.
    static let patience = TimeAmount.seconds(30)
}

/// What came of it.
struct LoadResult: Sendable {
    /// Of one kind of request.
    struct Latencies: Sendable, Encodable, Equatable {
        var count = 0
        var perSecond = 0.0
        var p50Milliseconds = 0.0
        var p99Milliseconds = 0.0
        var p999Milliseconds = 0.0
        var maximumMilliseconds = 0.0
    }

    var seconds: Double
    var puts: Latencies
    var gets: Latencies
    /// How many, by kind.
    var errors: [String: Int]

    var requests: Int { puts.count + gets.count }
    var errorCount: Int { errors.values.reduce(0, +) }
}
