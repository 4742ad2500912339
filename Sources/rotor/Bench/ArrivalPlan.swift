import NIOCore
import RotorClient

/// A load whose requests come by the clock, not when earlier ones are answered, with a closed loop for comparison.
struct ArrivalPlan: Sendable {
    enum Pace: Sendable, Equatable {
        /// So many clients, each of which sends its next request when it has its answer.
        case closed(clients: Int)
        /// So many requests a second, whatever becomes of them.
        case open(perSecond: Double)
    }

    struct Phase: Sendable {
        var pace: Pace
        var seconds: Int
    }

    var phases: [Phase]
    /// All together; the requests of a phase use as many as it needs. One that was refused rests as it was told to
    /// (`Retry-After`). A request for which none is free is not sent.
    var connections: Int
    var endpoints: [Endpoint]
    var valueBytes: Int
    /// Puts make new keys, and are blind; gets read keys that the run has put.
    var putRatio: Double
    var type: String
    /// Part of all keys, so that two runs on one cluster have none in common.
    var run: String

    /// No answer by then counts as an error, and the connection is made anew. The daemons give up after ten seconds.
    static let patience = TimeAmount.seconds(12)
    /// In which latencies are told apart.
    static let slice = TimeAmount.milliseconds(500)
}

/// What came of the requests that were begun in one phase.
struct ArrivalResult: Sendable {
    /// How long answers of one kind took.
    struct Latencies: Sendable, Encodable, Equatable {
        var count = 0
        var p50Milliseconds = 0.0
        var p99Milliseconds = 0.0
        var maximumMilliseconds = 0.0
    }

    var seconds: Double
    /// Requests that were due, and of those the ones for which no connection was free.
    var due: Int
    var unsent: Int
    var served: Latencies
    /// 503 with `Retry-After`.
    var refused: Latencies
    /// Everything else, by kind.
    var errors: [String: Int]
    /// Of what was served, by the half second in which it was begun; nil where nothing was.
    var slices: [Double?]

    var goodput: Double { Double(served.count) / max(0.001, seconds) }
    var offered: Double { Double(due) / max(0.001, seconds) }
}
