/// The results as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.
public struct BenchPage: Sendable {
    private let results: [BenchResult]
    private let notes: [String]
    private let isPaced: Bool

    /// - Parameters:
    ///   - notes: Lines about the run: the machine, the command.
    ///   - isPaced: The rate of operations was given.
    public init(_ results: [BenchResult], notes: [String], isPaced: Bool = false) {
        self.results = results
        self.isPaced = isPaced
        self.notes = notes
    }

    public var html: String {
        let advice = EngineAdvice.line(for: results.map(\.row), isPaced: isPaced)
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>rotor bench engines</title>
            <style>
            \(PageStyle.sheet)
            </style>
            </head>
            <body>
            <main>
            <h1>Engines, measured</h1>
            <p class="advice">\(advice.escaped)</p>
            \(notes.map { "<p class=\"note\">\($0.escaped)</p>" }.joined(separator: "\n"))
            \(sections.joined(separator: "\n"))
            \(table)
            </main>
            </body>
            </html>

            """
    }

    private var sections: [String] {
        [throughput, overTime, distributions].compactMap { $0 }
    }

    // MARK: Throughput

    private var throughput: String? {
        let figures = workloads.enumerated().map { number, workload in
            let rows = results.map(\.row).filter { $0.workload == workload.rawValue }
            let sizes = Set(rows.map(\.valueBytes)).sorted()
            let content =
                sizes.count > 1
                ? plot(throughputPlot(rows, sizes, workload, "throughput-\(number)"))
                : bars(rows)
            return figure("\(workload.title)\(sizes.count == 1 ? ", values of \(ByteCount(sizes[0]))" : "")", content)
        }
        return section(
            "Throughput by value size",
            "Operations a second, all clients together. Thin lines and pale bars: C "
                + "loops, which call the library without Rotor.", figures)
    }

    private func throughputPlot(
        _ rows: [BenchRow], _ sizes: [Int], _ workload: BenchWorkload, _ identifier: String
    ) -> SVGPlot {
        let series = stores(in: rows).map { store in
            let own = rows.filter { PlotStore($0) == store }
            return PlotSeries(
                name: store.name, style: store.style,
                points: own.map { row in
                    PlotSeries.Point(
                        x: Double(row.valueBytes), y: row.operationsPerSecond,
                        label: "\(store.name), \(ByteCount(row.valueBytes)): \(row.operationsPerSecond.digits)/s")
                })
        }
        let bounds = Double(sizes[0])...Double(sizes[sizes.count - 1])
        return SVGPlot(
            identifier: identifier, title: "\(workload.title): operations a second by value size",
            description: series.map { line in
                "\(line.name): "
                    + line.points.map { "\(ByteCount(Int($0.x))) \($0.y.digits)/s" }.joined(separator: ", ")
            }.joined(separator: ". "),
            x: PlotAxis(
                title: "bytes of a value", isLogarithmic: true, bounds: bounds,
                marks: sizes.map { (Double($0), "\(ByteCount($0))") }),
            y: .decades("operations a second", over: rows.map(\.operationsPerSecond)) { $0.digits },
            series: series, showsPoints: true)
    }

    /// One value size has no curve.
    private func bars(_ rows: [BenchRow]) -> String {
        let highest = rows.map(\.operationsPerSecond).max() ?? 1
        let items = rows.map { row in
            let store = PlotStore(row)
            let width = (100 * row.operationsPerSecond / max(highest, 1e-9)).short
            return """
                <div class="bar"><span class="what">\(store.name.escaped)</span>\
                <span class="track"><span class="fill \(store.style)" style="width:\(width)%"></span></span>\
                <span class="figure">\(row.operationsPerSecond.digits)/s</span></div>
                """
        }
        return "<div class=\"bars\">\n\(items.joined(separator: "\n"))\n</div>"
    }

    // MARK: Latency

    private var distributions: String? {
        let pairs = workloads.flatMap { workload in
            Set(results.map(\.row.valueBytes)).sorted().map { (workload, $0) }
        }
        let figures = pairs.enumerated().compactMap { number, pair -> String? in
            let (workload, bytes) = pair
            let chosen = results.filter { $0.row.workload == workload.rawValue && $0.row.valueBytes == bytes }
            guard !chosen.isEmpty else { return nil }
            let title = "\(workload.title), values of \(ByteCount(bytes))"
            return figure(title, plot(distributionPlot(chosen, title, "latency-\(number)")))
        }
        return section(
            "Latency",
            "How long an operation took, by the share of operations that took no longer. Of a C loop's "
                + "puts, what the commit took that they were part of.", figures)
    }

    private func distributionPlot(_ chosen: [BenchResult], _ title: String, _ identifier: String) -> SVGPlot {
        let series = series(of: chosen) { result, _ in
            result.latencies.distribution.map {
                PlotSeries.Point(x: 1 / $0.slowerShare, y: $0.microseconds, label: "")
            }
        }
        let highest = chosen.map { $0.latencies.distribution.last.map { 1 / $0.slowerShare } ?? 1 }.max() ?? 1
        let marks: [(Double, String)] = [
            (1, "0"), (2, "50%"), (10, "90%"), (100, "99%"), (1e3, "99.9%"), (1e4, "99.99%"), (1e5, "99.999%"),
            (1e6, "99.9999%"),
        ]
        let end = marks.map(\.0).first { $0 >= highest } ?? highest
        return SVGPlot(
            identifier: identifier, title: "\(title): latency by percentile",
            description: chosen.map { result in
                let row = result.row
                return "\(PlotStore(row).name): p50 \(row.p50.asTime), p99 \(row.p99.asTime), p99.9 \(row.p999.asTime)"
            }.joined(separator: ". "),
            x: PlotAxis(
                title: "share of operations", isLogarithmic: true, bounds: 1...max(end, 10),
                marks: marks.filter { $0.0 <= max(end, 10) && $0.0 != 2 || $0.0 == 2 && end <= 1e4 }),
            y: .decades(
                "latency", over: series.flatMap { $0.points.map(\.y) }.filter { $0 > 0 }, text: \.asTime),
            series: series, showsPoints: false)
    }

    /// A line for each result.
    private func series(
        of chosen: [BenchResult], points: (BenchResult, PlotStore) -> [PlotSeries.Point]
    ) -> [PlotSeries] {
        chosen.map { result in
            let store = PlotStore(result.row)
            return PlotSeries(name: store.name, style: store.style, points: points(result, store))
        }
    }

    /// The paper's figure 5: the 99.9th percentile of writes over time, with the object buffer and without it.
    private var overTime: String? {
        let writes = results.filter { $0.row.workload == "put" || $0.row.workload == "mixed" }
        var figures: [String] = []
        for direct in writes where direct.row.writePath == "direct" && !direct.row.isLoop {
            let same = writes.filter {
                $0.row.engine == direct.row.engine && $0.row.workload == direct.row.workload
                    && $0.row.valueBytes == direct.row.valueBytes
            }
            guard same.contains(where: { $0.row.writePath == "buffered" }) else { continue }
            let title = "\(direct.row.engine), \(direct.row.workload), values of \(ByteCount(direct.row.valueBytes))"
            figures.append(figure(title, plot(overTimePlot(same, title, "time-\(figures.count)"))))
        }
        return section(
            "Buffered against direct over time",
            "The 99.9th percentile of each second or longer interval, as in "
                + "figure 5 of the Dynamo paper.", figures)
    }

    private func overTimePlot(_ chosen: [BenchResult], _ title: String, _ identifier: String) -> SVGPlot {
        let series = series(of: chosen) { result, store in
            result.latencies.timeline.map { moment in
                PlotSeries.Point(
                    x: moment.seconds, y: moment.p999Microseconds,
                    label: "\(store.name), \(moment.seconds.short) s: \(moment.p999Microseconds.asTime)")
            }
        }
        let points = series.flatMap(\.points)
        return SVGPlot(
            identifier: identifier, title: "\(title): 99.9th percentile over time",
            description: series.map { line in
                let values = line.points.map(\.y)
                return "\(line.name): from \((values.min() ?? 0).asTime) to \((values.max() ?? 0).asTime)"
            }.joined(separator: ". "),
            x: .linear("seconds", over: points.map(\.x)) { $0.short },
            y: .decades("p99.9", over: points.map(\.y), text: \.asTime), series: series, showsPoints: true)
    }

    // MARK: Parts

    private var workloads: [BenchWorkload] {
        BenchWorkload.allCases.filter { workload in results.contains { $0.row.workload == workload.rawValue } }
    }

    private func stores(in rows: [BenchRow]) -> [PlotStore] {
        var stores: [PlotStore] = []
        for store in rows.map(PlotStore.init) where !stores.contains(store) { stores.append(store) }
        return stores
    }

    /// Nil where there is nothing to show.
    private func section(_ title: String, _ explanation: String, _ figures: [String]) -> String? {
        guard !figures.isEmpty else { return nil }
        return """
            <section>
            <h2>\(title.escaped)</h2>
            <p>\(explanation.escaped)</p>
            <div class="figures">
            \(figures.joined(separator: "\n"))
            </div>
            </section>
            """
    }

    private func figure(_ title: String, _ content: String) -> String {
        "<figure>\n<figcaption>\(title.escaped)</figcaption>\n\(content)\n</figure>"
    }

    private func plot(_ plot: SVGPlot) -> String {
        let keys = plot.series.map { series in
            """
            <li><svg class="key" viewBox="0 0 28 8" aria-hidden="true">\
            <path class="line \(series.style)" d="M1 4L27 4"/></svg>\
            \(series.name.escaped)</li>
            """
        }
        return "\(plot.text)\n<ul class=\"legend\">\n\(keys.joined(separator: "\n"))\n</ul>"
    }

    private var table: String {
        let rows = results.map(\.row).map { row in
            "<tr>" + row.cells.map { "<td>\($0.escaped)</td>" }.joined() + "</tr>"
        }
        return """
            <section>
            <h2>The figures</h2>
            <div class="wide" tabindex="0" role="region" aria-label="The figures">
            <table>
            <thead><tr>\(BenchRow.heads.map { "<th scope=\"col\">\($0.escaped)</th>" }.joined())</tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody>
            </table>
            </div>
            </section>
            """
    }
}

/// What is one line in all plots.
private struct PlotStore: Equatable {
    let engine: String
    let writePath: String
    let isLoop: Bool

    init(_ row: BenchRow) {
        engine = row.engine
        writePath = row.writePath
        isLoop = row.isLoop
    }

    var name: String { isLoop ? engine : "\(engine) \(writePath)" }

    /// A loop has the colour of its engine.
    var style: String {
        let kind = isLoop ? String(engine.dropLast(2)) : engine
        return "\(kind) \(isLoop ? "loop" : writePath)"
    }
}

extension BenchWorkload {
    fileprivate var title: String {
        switch self {
        case .load: "Load: every key once"
        case .put: "Puts of random keys"
        case .get: "Gets of random keys"
        case .mixed: "Puts and gets, half and half"
        case .scan: "Scans of up to 1,000 entries"
        }
    }
}
