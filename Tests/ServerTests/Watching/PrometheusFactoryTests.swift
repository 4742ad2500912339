import CoreMetrics
import NIOCore
import Testing

@testable import Server

@Suite("What is recorded through swift-metrics, as Prometheus reads it")
struct PrometheusFactoryTests {
    private let described = MetricFamily("b_seconds", .histogram, "One \\ line\nand another \"one\".")

    private func text(_ factory: PrometheusFactory) -> String {
        var exposition = Exposition()
        factory.write(into: &exposition)
        return String(buffer: exposition.text())
    }

    @Test("families and series are in order, each family once, its labels and help escaped, its buckets added up")
    func wholeText() {
        let factory = PrometheusFactory(describing: [described], bounds: [0.000_25, 0.5, 10])
        let timer = CoreMetrics.Timer(label: "b_seconds", dimensions: [("kind", "put")], factory: factory)
        for nanoseconds in [250_000, 250_001, 500_000_000, 20_000_000_000] as [Int64] {
            timer.recordNanoseconds(nanoseconds)
        }
        CoreMetrics.Timer(label: "b_seconds", dimensions: [("kind", "get")], factory: factory).recordNanoseconds(0)
        CoreMetrics.Counter(label: "c.total-1", dimensions: [("x", "1"), ("a", "\\ \"\n é")], factory: factory)
            .increment(by: 7)
        CoreMetrics.Counter(label: "c.total-1", dimensions: [("a", "\\ \"\n é"), ("x", "1")], factory: factory)
            .increment(by: 1)
        CoreMetrics.Meter(label: "a", factory: factory).set(1.5)
        #expect(
            text(factory) == #"""
                # TYPE a gauge
                a 1.5
                # HELP b_seconds One \\ line\nand another "one".
                # TYPE b_seconds histogram
                b_seconds_bucket{kind="get",le="0.00025"} 1
                b_seconds_bucket{kind="get",le="0.5"} 1
                b_seconds_bucket{kind="get",le="10"} 1
                b_seconds_bucket{kind="get",le="+Inf"} 1
                b_seconds_sum{kind="get"} 0
                b_seconds_count{kind="get"} 1
                b_seconds_bucket{kind="put",le="0.00025"} 1
                b_seconds_bucket{kind="put",le="0.5"} 3
                b_seconds_bucket{kind="put",le="10"} 3
                b_seconds_bucket{kind="put",le="+Inf"} 4
                b_seconds_sum{kind="put"} 20.500500001
                b_seconds_count{kind="put"} 4
                # TYPE c_total_1 counter
                c_total_1{a="\\ \"\n é",x="1"} 8

                """#)
    }

    @Test("names become what the format allows")
    func names() {
        for (name, family, label) in [
            ("http.requests", "http_requests", "http_requests"), ("a:b", "a:b", "a_b"), ("9x", "_9x", "_9x"),
            ("größe", "gr__e", "gr__e"), ("", "_", "_"),
        ] {
            #expect(MetricName.family(name) == family)
            #expect(MetricName.label(name) == label)
        }
    }

    @Test("a label with ever new values is told as one series behind a bound, and nothing is left out of the sum")
    func cardinality() throws {
        let factory = PrometheusFactory(describing: [], bounds: [])
        for number in 0..<1_000 {
            CoreMetrics.Counter(label: "c", dimensions: [("key", "\(number)")], factory: factory).increment()
        }
        let lines = text(factory).split(separator: "\n").dropFirst()
        #expect(lines.count == PrometheusFactory.maximumSeries + 1)
        #expect(lines.contains("c{key=\"other\"} \(1_000 - PrometheusFactory.maximumSeries)"))
    }

    @Test("a name keeps its type: what comes under it as another spoils nothing")
    func types() {
        let factory = PrometheusFactory(describing: [], bounds: [1])
        CoreMetrics.Counter(label: "a", factory: factory).increment()
        CoreMetrics.Meter(label: "a", factory: factory).set(9.5)
        CoreMetrics.Recorder(label: "d", aggregate: true, factory: factory).record(0.5)
        CoreMetrics.Recorder(label: "e", aggregate: false, factory: factory).record(3)
        #expect(
            text(factory) == """
                # TYPE a counter
                a 1
                # TYPE d histogram
                d_bucket{le="1"} 1
                d_bucket{le="+Inf"} 1
                d_sum 0.5
                d_count 1
                # TYPE e gauge
                e 3

                """)
    }

    @Test("what is destroyed is told no more, and made again begins at nothing")
    func destroyed() {
        let factory = PrometheusFactory(describing: [], bounds: [])
        let counter = CoreMetrics.Counter(label: "a", factory: factory)
        counter.increment()
        counter.destroy()
        #expect(!text(factory).contains("a 1"))
        CoreMetrics.Counter(label: "a", factory: factory).increment(by: 2)
        #expect(text(factory).contains("a 2"))
    }

    @Test("nothing is lost where many threads record at once, and two factories know nothing of each other")
    func threads() async {
        let factory = PrometheusFactory(describing: [], bounds: [1])
        let other = PrometheusFactory(describing: [], bounds: [1])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let timer = CoreMetrics.Timer(label: "t", factory: factory)
                    let counter = CoreMetrics.Counter(label: "c", factory: factory)
                    for _ in 0..<5_000 {
                        timer.recordNanoseconds(500_000_000)
                        counter.increment()
                    }
                }
            }
        }
        #expect(text(factory).contains("c 40000\n") && text(factory).contains("t_count 40000\n"))
        #expect(text(factory).contains("t_sum 20000\n"))
        #expect(text(other) == "")
    }
}
