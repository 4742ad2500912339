import Foundation
import Histogram
import Testing

@testable import EngineBench

@Suite("What the bench reports")
struct ReportTests {
    private func row(
        _ engine: String, _ perSecond: Double, _ workload: String = "put", bytes: Int = 1024, path: String = "direct"
    ) -> BenchRow {
        BenchRow(
            engine: engine, writePath: path, workload: workload, valueBytes: bytes, threads: 64,
            operationsPerSecond: perSecond, p50: 1.5, p99: 20.25, p999: 300, cpuMicrosecondsPerOperation: 12.5,
            diskBytesPerKey: 2048, writeAmplification: 3.5, residentBytes: 50 << 20)
    }

    @Test("ratios to the C loops count what is put off until it is done")
    func ratios() {
        func result(_ row: BenchRow, settled: Double = 0) -> BenchResult {
            var result = self.result(row)
            result.settleSeconds = settled * result.latencies.seconds
            return result
        }
        let results = [
            result(row("bdb", 300, "put", path: "logged"), settled: 1), result(row("bdb", 90, "get", path: "logged")),
            result(row("bdb", 80), settled: 0), result(row("bdb-c", 100)), result(row("bdb-c", 100, "get"), settled: 5),
            result(row("lmdb", 100)),
        ]
        #expect(
            LoopRatios.lines(for: results) == [
                "bdb logged, 1 KiB, against bdb-c: put 1.5 ×, get 0.9 ×", "bdb direct, 1 KiB, against bdb-c: put 0.8 ×",
            ])
    }

    private func result(_ row: BenchRow) -> BenchResult {
        var histogram = LatencyTimeline.empty
        for microseconds in 1...1000 { histogram.record(UInt64(microseconds) * 1000) }
        let moments = (1...3).map {
            LatencySummary.Moment(
                seconds: Double($0), operations: 1000, p50Microseconds: 500, p999Microseconds: 900 + Double($0))
        }
        return BenchResult(
            row: row, latencies: LatencySummary(histogram, seconds: 3, timeline: moments), settleSeconds: 0.25)
    }

    @Test("a row's names are the promised ones, and no others")
    func names() throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let text = try encoder.encode([row("lmdb", 1000)])
        let rows = try #require(try JSONSerialization.jsonObject(with: text) as? [[String: Any]])
        #expect(
            Set(rows[0].keys) == [
                "engine", "write_path", "workload", "value_bytes", "threads", "ops_per_second", "p50_us", "p99_us",
                "p999_us", "cpu_us_per_op", "disk_bytes_per_key", "write_amplification", "resident_bytes",
            ])
        #expect(rows[0]["p999_us"] as? Double == 300)
        #expect(rows[0]["write_path"] as? String == "direct")
    }

    @Test("the answer names the engine with the best puts and gets of each size, never a C loop or the memory engine")
    func answer() {
        var rows: [BenchRow] = []
        for bytes in [100, 1024, 65_536] {
            rows += [
                row("lmdb", bytes < 65_536 ? 100 : 900, bytes: bytes), row("lmdb", 900, "get", bytes: bytes),
                row("bdb", 400, bytes: bytes), row("bdb", 900, "get", bytes: bytes),
                row("bdb-c", 9e9, bytes: bytes), row("bdb-c", 9e9, "get", bytes: bytes),
                row("memory", 9e9, bytes: bytes), row("memory", 9e9, "get", bytes: bytes),
            ]
        }
        #expect(
            EngineAdvice.line(for: rows)
                == "Which engine on this machine, by the geometric mean of puts and gets a second: 100 B to 1 KiB bdb,"
                + " at least 2.0 × lmdb; 64 KiB lmdb, 1.5 × bdb.")
    }

    @Test("the answer goes by what was measured for all, and by the write path where there are several")
    func answerFromLess() {
        #expect(
            EngineAdvice.line(for: [row("lmdb", 10, "scan"), row("sqlite", 40, "scan")])
                == "Which engine on this machine, by operations a second of the workload scan: 1 KiB sqlite,"
                + " 4.0 × lmdb."
        )
        var slow = row("bdb", 500)
        slow.p999 = 1200
        #expect(
            EngineAdvice.line(for: [row("lmdb", 500), slow], isPaced: true)
                == "Which engine on this machine, by the 99.9th percentile of the workload put: 1 KiB lmdb, 4.0 × bdb.")
        let paths = [
            row("lmdb", 100), row("lmdb", 300, path: "logged"), row("bdb", 200), row("bdb", 250, path: "logged"),
            row("bdb", 9000, path: "buffered"),
        ]
        #expect(
            EngineAdvice.line(for: paths)
                == "Which engine on this machine, by operations a second of the workload put: 1 KiB lmdb (logged),"
                + " 1.2 × bdb.")
        #expect(
            EngineAdvice.line(for: [row("lmdb", 100)])
                == "Which engine for which object size: only lmdb was measured; name others too.")
        #expect(EngineAdvice.line(for: [row("lmdb-c", 100)]).contains("nothing was measured"))
    }

    @Test("the page holds every row, titles every plot and refers to nothing outside of it")
    func page() {
        var results: [BenchResult] = []
        for (number, bytes) in [100, 1024, 16_384].enumerated() {
            for engine in ["lmdb", "lmdb-c", "bdb"] {
                for path in engine == "bdb" ? ["direct", "buffered"] : ["direct"] {
                    for workload in ["put", "get"] {
                        let figure = Double(results.count * 1013 + number * 17 + 101)
                        results.append(result(row(engine, figure, workload, bytes: bytes, path: path)))
                    }
                }
            }
        }
        let html = BenchPage(results, notes: ["2 cores <of> \"this\" & that"]).html
        for row in results.map(\.row) {
            let cells = row.cells.map { "<td>\($0.escaped)</td>" }.joined()
            #expect(html.contains("<tr>\(cells)</tr>"), "the row \(cells) is missing")
        }
        for outside in ["http:", "https:", "//", "src=", "href=", "url(", "@import", "<script", "<link", "<iframe"] {
            #expect(!html.contains(outside), "the page refers to something by \(outside)")
        }
        let plots = html.components(separatedBy: "role=\"img\"").count - 1
        #expect(plots == 2 + 6 + 3, "\(plots) plots: 2 of throughput, 6 of latency, 3 over time")
        let titles = html.matches(of: /id="([a-z0-9-]+)-t">[^<]+<\/title>\n<desc id="([a-z0-9-]+)-d">[^<]+<\/desc>/)
        #expect(titles.count == plots)
        #expect(Set(titles.map(\.output.1)).count == plots, "two plots have the same name")
        #expect(html.contains("prefers-color-scheme: dark"))
        #expect(html.contains("2 cores &lt;of&gt; &quot;this&quot; &amp; that"))
        #expect(html.contains("Buffered against direct over time"))
        #expect(!html.contains("NaN") && !html.contains("nan\"") && !html.contains("inf"))
    }

    @Test("one value size is shown as bars, and a page without buffered rows has no such plot")
    func smallPage() {
        let html = BenchPage([result(row("lmdb", 100)), result(row("bdb", 50))], notes: []).html
        #expect(html.contains("class=\"bar\""))
        #expect(html.contains("width:50%"))
        #expect(!html.contains("Buffered against direct"))
    }

    @Test("sizes are read as people write them, and nothing else is")
    func sizes() {
        for (text, bytes) in [
            ("100", 100), ("100B", 100), ("1KiB", 1024), ("1kib", 1024), ("16k", 16 << 10), ("1.5 MiB", 3 << 19),
            ("1M", 1 << 20), ("2GiB", 2 << 30),
        ] {
            #expect(ByteCount(parsing: text)?.bytes == bytes, "\(text)")
        }
        for text in ["", "0", "-1", "KiB", "1.5", "0.1KiB", "1KB", "1e3", "1 KiB x", "nan", "99999999999999999999"] {
            #expect(ByteCount(parsing: text) == nil, "\(text)")
        }
        #expect([100, 1024, 1536, 3 << 19].map { "\(ByteCount($0))" } == ["100 B", "1 KiB", "1.5 KiB", "1.5 MiB"])
    }
}
