import Engines
import Glibc

/// Where a load takes its time from. Nanoseconds since a moment that does not matter.
protocol BenchClock: Sendable {
    func now() -> UInt64
    /// Returns at once where that moment has passed.
    func wait(until moment: UInt64)
}

/// The clock that the C loops read.
struct SystemClock: BenchClock {
    func now() -> UInt64 { Monitor.now() }

    func wait(until moment: UInt64) {
        var time = timespec(tv_sec: Int(moment / 1_000_000_000), tv_nsec: Int(moment % 1_000_000_000))
        while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
    }
}

/// When the operations of one thread shall begin, where a rate is asked for: an open loop, which does not wait for a
/// slow store to go on asking.
struct Pace {
    private let start: UInt64
    private let step: Double
    private var taken = 0

    /// The rate is that of all threads together; they take turns.
    ///
    /// - Parameter perSecond: Above 0.
    init(perSecond: Double, thread: Int, of threads: Int, start: UInt64) {
        step = 1e9 * Double(threads) / perSecond
        self.start = start + UInt64(1e9 / perSecond * Double(thread))
    }

    mutating func next() -> UInt64 {
        defer { taken += 1 }
        return start + UInt64(step * Double(taken))
    }
}

/// Repeats an operation until the deadline and times it.
///
/// With a pace an operation's latency counts from when it should have begun, so that a stall is seen in full: by every
/// operation that it held up, not only by the one it struck.
struct OperationLoop<Clock: BenchClock> {
    let clock: Clock
    /// Nil: each operation begins when the one before it has ended.
    var pace: Pace?
    let deadline: UInt64
    var recorder: LatencyRecorder

    mutating func run(_ operation: () throws -> Void) rethrows {
        var begin = clock.now()
        // At least one, however late the thread came to run.
        repeat {
            if let intended = pace?.next() {
                guard intended < deadline else { break }
                clock.wait(until: intended)
                begin = intended
            }
            try operation()
            let end = clock.now()
            recorder.record(end - begin, at: end)
            begin = end
            // What is behind its pace at the deadline is given up: the rate that was reached tells of it.
        } while begin < deadline
        recorder.finish()
    }
}
