import Engines
import Histogram

/// The latencies of all threads of a run, by the interval of the run they ended in. Nanoseconds, to one part in a
/// hundred.
final class LatencyTimeline: @unchecked Sendable {
    // Unchecked: the mutable fields are used under `monitor`.
    let start: UInt64
    /// Nanoseconds.
    let interval: UInt64
    /// How many intervals there are. What ends later, since it was under way at the deadline, is of the last.
    let count: Int

    private let monitor = Monitor()
    private var intervals: [Histogram<UInt64>] = []
    private var lastEnd: UInt64

    /// An hour: what takes longer counts as an hour.
    static let highest: UInt64 = 3_600_000_000_000

    init(start: UInt64, interval: UInt64, count: Int) {
        precondition(interval > 0 && count > 0, "\(count) intervals of \(interval) ns")
        self.count = count
        self.start = start
        self.interval = interval
        lastEnd = start
    }

    /// Copied where an empty one is needed: emptying one takes the package milliseconds.
    static let empty = Histogram<UInt64>(
        lowestDiscernibleValue: 1, highestTrackableValue: highest, numberOfSignificantValueDigits: .two)

    func merge(_ histogram: Histogram<UInt64>, interval index: Int, lastEnd end: UInt64) {
        monitor.withLock {
            while intervals.count <= index { intervals.append(Self.empty) }
            intervals[index].add(histogram)
            lastEnd = max(lastEnd, end)
        }
    }

    /// Of the whole run. After every recorder has finished.
    var summary: LatencySummary {
        monitor.withLock {
            var total = Self.empty
            for interval in intervals { total.add(interval) }
            return LatencySummary(
                total, seconds: Double(lastEnd - start) / 1e9,
                timeline: intervals.enumerated().compactMap { index, histogram in
                    guard histogram.totalCount > 0 else { return nil }
                    return LatencySummary.Moment(
                        seconds: Double(index + 1) * Double(interval) / 1e9, operations: Int(histogram.totalCount),
                        p50Microseconds: Double(histogram.valueAtPercentile(50)) / 1e3,
                        p999Microseconds: Double(histogram.valueAtPercentile(99.9)) / 1e3)
                })
        }
    }
}

/// One thread's part of a timeline.
struct LatencyRecorder {
    private let timeline: LatencyTimeline
    private var histogram = LatencyTimeline.empty
    private var index = 0
    private var intervalEnd: UInt64
    private var lastEnd: UInt64

    init(_ timeline: LatencyTimeline) {
        self.timeline = timeline
        intervalEnd = timeline.count == 1 ? .max : timeline.start + timeline.interval
        lastEnd = timeline.start
    }

    /// - Parameter operations: How many had this latency: those of one group commit.
    mutating func record(_ nanoseconds: UInt64, operations: UInt64 = 1, at end: UInt64) {
        if end >= intervalEnd { moveOn(to: end) }
        lastEnd = end
        _ = histogram.record(min(nanoseconds, LatencyTimeline.highest), count: operations)
    }

    /// Hands over what is left. Nothing may be recorded after it.
    mutating func finish() {
        flush()
    }

    private mutating func moveOn(to end: UInt64) {
        flush()
        index = min(Int((end - timeline.start) / timeline.interval), timeline.count - 1)
        intervalEnd = index == timeline.count - 1 ? .max : timeline.start + UInt64(index + 1) * timeline.interval
    }

    private mutating func flush() {
        guard histogram.totalCount > 0 else { return }
        timeline.merge(histogram, interval: index, lastEnd: lastEnd)
        histogram = LatencyTimeline.empty
    }
}

/// What many operations took.
public struct LatencySummary: Sendable, Equatable {
    /// An interval of the run.
    public struct Moment: Sendable, Equatable {
        /// From the run's start to the interval's end.
        public var seconds: Double
        public var operations: Int
        public var p50Microseconds: Double
        public var p999Microseconds: Double
    }

    /// A point of the distribution: no more than this share of the operations took longer.
    public struct Point: Sendable, Equatable {
        /// From 1 down to one operation of all.
        public var slowerShare: Double
        public var microseconds: Double
    }

    public var operations: Int
    /// From the start to the end of the last operation.
    public var seconds: Double
    public var p50Microseconds: Double
    public var p99Microseconds: Double
    public var p999Microseconds: Double
    public var distribution: [Point]
    public var timeline: [Moment]

    init(_ histogram: Histogram<UInt64>, seconds: Double, timeline: [Moment]) {
        operations = Int(histogram.totalCount)
        self.seconds = seconds
        self.timeline = timeline
        func microseconds(_ percentile: Double) -> Double {
            Double(histogram.valueAtPercentile(percentile)) / 1e3
        }
        p50Microseconds = operations == 0 ? 0 : microseconds(50)
        p99Microseconds = operations == 0 ? 0 : microseconds(99)
        p999Microseconds = operations == 0 ? 0 : microseconds(99.9)
        var points: [Point] = []
        var share = 1.0
        while operations > 0, share * Double(operations) >= 1 {
            points.append(Point(slowerShare: share, microseconds: microseconds(100 * (1 - share))))
            share /= 1.25
        }
        distribution = points
    }
}
