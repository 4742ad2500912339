import Histogram
import NIOCore

/// Counts and times requests; used in one event loop only.
final class LoadRecorder {
    enum Phase {
        /// Keys are stored that the measured requests need.
        case preparing
        case measuring
        case over
    }

    var phase = Phase.preparing
    /// Requests that have been answered while measuring.
    private(set) var answered = 0
    private var puts = LoadRecorder.histogram()
    private var gets = LoadRecorder.histogram()
    private var errors: [String: Int] = [:]

    /// Microseconds, up to a minute and a half, to three digits.
    private static func histogram() -> Histogram<UInt64> {
        Histogram(lowestDiscernibleValue: 1, highestTrackableValue: 90_000_000, numberOfSignificantValueDigits: .three)
    }

    func record(isPut: Bool, _ time: TimeAmount) {
        guard phase == .measuring else { return }
        answered += 1
        let microseconds = UInt64(max(1, time.nanoseconds / 1_000))
        _ = isPut ? puts.record(microseconds) : gets.record(microseconds)
    }

    /// Whenever it happens: a failed preparation is no clean run either.
    func record(error: String) {
        errors[error, default: 0] += 1
    }

    var errorCount: Int { errors.values.reduce(0, +) }

    func result(seconds: Double) -> LoadResult {
        LoadResult(
            seconds: seconds, puts: Self.latencies(puts, seconds), gets: Self.latencies(gets, seconds), errors: errors)
    }

    private static func latencies(_ histogram: Histogram<UInt64>, _ seconds: Double) -> LoadResult.Latencies {
        let count = Int(histogram.totalCount)
        guard count > 0 else { return LoadResult.Latencies() }
        func milliseconds(_ microseconds: UInt64) -> Double { Double(microseconds) / 1_000 }
        return LoadResult.Latencies(
            count: count, perSecond: Double(count) / seconds,
            p50Milliseconds: milliseconds(histogram.valueAtPercentile(50)),
            p99Milliseconds: milliseconds(histogram.valueAtPercentile(99)),
            p999Milliseconds: milliseconds(histogram.valueAtPercentile(99.9)),
            maximumMilliseconds: milliseconds(histogram.max))
    }
}
