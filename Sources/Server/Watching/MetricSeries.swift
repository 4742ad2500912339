import CoreMetrics
import Synchronization

/// One series that counts up as things happen. Recording takes no lock and no memory.
protocol MetricSeries: AnyObject, Sendable {
    static var kind: MetricFamily.Kind { get }

    func write(_ family: MetricFamily, _ labels: MetricLabels, into exposition: inout Exposition)
}

final class CounterSeries: CounterHandler, MetricSeries {
    static let kind = MetricFamily.Kind.counter
    private let count = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        count.wrappingAdd(amount, ordering: .relaxed)
    }

    func reset() {
        count.store(0, ordering: .relaxed)
    }

    func write(_ family: MetricFamily, _ labels: MetricLabels, into exposition: inout Exposition) {
        exposition.add(family, Int(count.load(ordering: .relaxed)), of: labels)
    }
}

/// The last value that was set or recorded.
final class GaugeSeries: MeterHandler, RecorderHandler, MetricSeries {
    static let kind = MetricFamily.Kind.gauge
    private let value = AtomicSum()

    func set(_ value: Int64) { self.value.set(Double(value)) }
    func set(_ value: Double) { self.value.set(value) }
    func increment(by amount: Double) { value.add(amount) }
    func decrement(by amount: Double) { value.add(-amount) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }

    func write(_ family: MetricFamily, _ labels: MetricLabels, into exposition: inout Exposition) {
        exposition.add(family, value.load(), of: labels)
    }
}

/// How values are distributed over buckets; those of a timer are seconds.
final class HistogramSeries: TimerHandler, RecorderHandler, MetricSeries {
    static let kind = MetricFamily.Kind.histogram

    /// What a series held at one moment.
    struct Reading: Sendable, Equatable {
        /// The buckets' upper bounds, each in its bucket; one more bucket is above them all.
        var bounds: [Double]
        var counts: [Int]
        var sum: Double
    }

    private final class Bucket: Sendable {
        let count = Atomic<Int>(0)
    }

    private let bounds: [Double]
    private let buckets: [Bucket]
    private let sum = AtomicSum()

    /// - Parameter bounds: In ascending order.
    init(bounds: [Double]) {
        self.bounds = bounds
        buckets = (0...bounds.count).map { _ in Bucket() }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        // Most values are below one of the first bounds.
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        buckets[index].count.wrappingAdd(1, ordering: .relaxed)
        sum.add(value)
    }

    var reading: Reading {
        Reading(
            bounds: bounds, counts: buckets.map { $0.count.load(ordering: .relaxed) }, sum: sum.load())
    }

    func write(_ family: MetricFamily, _ labels: MetricLabels, into exposition: inout Exposition) {
        exposition.add(family, reading, of: labels)
    }
}

/// A floating-point number that threads add to without a lock.
private final class AtomicSum: Sendable {
    private let bits = Atomic<UInt64>(0)

    func load() -> Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var before = bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: before) + amount).bitPattern
            let (exchanged, found) = bits.weakCompareExchange(expected: before, desired: sum, ordering: .relaxed)
            if exchanged { return }
            before = found
        }
    }
}
