import Histogram
import NIOCore

/// Counts and times the requests of one phase; used in one event loop only.
final class ArrivalRecorder {
    let begin = NIODeadline.now()
    var due = 0
    var unsent = 0
    private var served = ArrivalRecorder.histogram()
    private var refused = ArrivalRecorder.histogram()
    private var errors: [String: Int] = [:]
    private var slices: [Histogram<UInt64>?] = []

    /// Microseconds, up to a minute and a half, to three digits.
    private static func histogram() -> Histogram<UInt64> {
        Histogram(lowestDiscernibleValue: 1, highestTrackableValue: 90_000_000, numberOfSignificantValueDigits: .three)
    }

    func record(served time: TimeAmount, begunAt begun: NIODeadline) {
        let microseconds = UInt64(max(1, time.nanoseconds / 1_000))
        _ = served.record(microseconds)
        let slice = Int((begun - begin).nanoseconds / ArrivalPlan.slice.nanoseconds)
        guard slice >= 0 else { return }
        while slices.count <= slice { slices.append(nil) }
        var histogram = slices[slice] ?? Self.histogram()
        slices[slice] = nil
        _ = histogram.record(microseconds)
        slices[slice] = histogram
    }

    func record(refused time: TimeAmount) {
        _ = refused.record(UInt64(max(1, time.nanoseconds / 1_000)))
    }

    func record(error: String) {
        errors[error, default: 0] += 1
    }

    func result(seconds: Double) -> ArrivalResult {
        ArrivalResult(
            seconds: seconds, due: due, unsent: unsent, served: Self.latencies(served),
            refused: Self.latencies(refused), errors: errors,
            slices: slices.map { $0.map { Double($0.valueAtPercentile(99)) / 1_000 } })
    }

    private static func latencies(_ histogram: Histogram<UInt64>) -> ArrivalResult.Latencies {
        guard histogram.totalCount > 0 else { return ArrivalResult.Latencies() }
        func milliseconds(_ microseconds: UInt64) -> Double { Double(microseconds) / 1_000 }
        return ArrivalResult.Latencies(
            count: Int(histogram.totalCount), p50Milliseconds: milliseconds(histogram.valueAtPercentile(50)),
            p99Milliseconds: milliseconds(histogram.valueAtPercentile(99)),
            maximumMilliseconds: milliseconds(histogram.max))
    }
}
