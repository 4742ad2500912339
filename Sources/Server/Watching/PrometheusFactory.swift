import CoreMetrics
import Synchronization

/// Keeps what one node records through swift-metrics, and writes it as Prometheus reads it.
///
/// Each node has its own and hands it to whoever records: a process may run several nodes, and the process-wide
/// `MetricsSystem` belongs to the program that links this. Making a handle takes a lock and memory, so handles are made
/// once and kept; recording takes neither.
final class PrometheusFactory: MetricsFactory {
    /// Series of one family. Further labels are told together, each with this value: a label that someone feeds from
    /// what clients send must not fill the memory, here and in whatever collects it.
    static let maximumSeries = 256
    static let otherValue = "other"

    private struct Family {
        let kind: MetricFamily.Kind
        var series: [MetricLabels: any MetricSeries] = [:]
    }

    private let described: [String: MetricFamily]
    private let bounds: [Double]
    private let families = Mutex<[String: Family]>([:])

    /// - Parameters:
    ///   - described: The families whose help is known.
    ///   - bounds: Of the buckets of all histograms; for timers, seconds.
    init(describing described: [MetricFamily], bounds: [Double]) {
        self.described = Dictionary(described.map { ($0.name, $0) }) { first, _ in first }
        self.bounds = bounds
    }

    func write(into exposition: inout Exposition) {
        for (name, family) in families.withLock({ $0 }) {
            let described = described[name] ?? MetricFamily(name, family.kind, "")
            for (labels, series) in family.series { series.write(described, labels, into: &exposition) }
        }
    }

    /// How much was recorded, for each series of a histogram.
    func counts(of histogram: MetricFamily) -> [(labels: MetricLabels, count: Int)] {
        let series = families.withLock { $0[histogram.name]?.series ?? [:] }
        return series.compactMap { labels, series in
            (series as? HistogramSeries).map { (labels, $0.reading.counts.reduce(0, +)) }
        }
    }

    private func series<Series: MetricSeries>(
        _ label: String, _ dimensions: [(String, String)], _ make: () -> Series
    ) -> Series {
        let name = MetricName.family(label)
        var labels = MetricLabels(dimensions)
        return families.withLock { families in
            var family = families[name] ?? Family(kind: Series.kind)
            // A name has one type. What is recorded under it as another is kept nowhere rather than spoil the whole.
            guard family.kind == Series.kind else { return make() }
            if family.series.count >= Self.maximumSeries, family.series[labels] == nil {
                labels = MetricLabels(dimensions.map { ($0.0, Self.otherValue) })
            }
            if let known = family.series[labels] as? Series { return known }
            let made = make()
            family.series[labels] = made
            families[name] = family
            return made
        }
    }

    private func remove(_ handler: AnyObject) {
        families.withLock { families in
            for (name, family) in families { families[name]?.series = family.series.filter { $0.value !== handler } }
        }
    }

    // MARK: MetricsFactory

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions) { CounterSeries() }
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions) { GaugeSeries() }
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        aggregate
            ? series(label, dimensions) { HistogramSeries(bounds: bounds) }
            : series(label, dimensions) { GaugeSeries() }
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions) { HistogramSeries(bounds: bounds) }
    }

    func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
}
