import Glibc

/// The paper's question (Dynamo §4.1, §5), from measured rows: which engine for which object size.
public enum EngineAdvice {
    /// One line. C loops and the memory engine are no choice; neither is the buffered write path, where a crash loses
    /// what was answered, unless nothing else was measured.
    ///
    /// - Parameter isPaced: The rate was given, so that only the latencies tell the stores apart.
    public static func line(for rows: [BenchRow], isPaced: Bool = false) -> String {
        let stores = rows.filter { !$0.isLoop && $0.engine != "memory" }
        let durable = stores.filter { $0.writePath != "buffered" }
        let candidates = durable.isEmpty ? stores : durable
        guard let basis = Basis(candidates, isPaced: isPaced) else {
            return "Which engine for which object size: nothing was measured that tells."
        }
        let sizes = Set(candidates.map(\.valueBytes)).sorted()
        let winners = sizes.compactMap { size in winner(of: candidates.filter { $0.valueBytes == size }, basis) }
        let engines = Set(candidates.map(\.engine))
        guard engines.count > 1, !winners.isEmpty else {
            return
                "Which engine for which object size: only \(engines.sorted().joined()) was measured; name others too."
        }
        let paths = Set(candidates.map(\.writePath)).count
        let parts = ranges(of: winners).map { range in
            "\(range.sizes) \(range.choice.engine)\(paths > 1 ? " (\(range.choice.writePath))" : "")\(range.lead)"
        }
        return "Which engine on this machine, by \(basis.text): " + parts.joined(separator: "; ") + "."
    }

    /// What the choice goes by: puts and gets alike where both were measured.
    private struct Basis {
        let workloads: [String]
        let text: String
        private let isPaced: Bool

        init?(_ rows: [BenchRow], isPaced: Bool) {
            self.isPaced = isPaced
            let measured = Set(rows.map(\.workload))
            let figure = isPaced ? "the 99.9th percentile" : "operations a second"
            if measured.isSuperset(of: ["put", "get"]) {
                workloads = ["put", "get"]
                text = "the geometric mean of \(isPaced ? "\(figure)s of puts and gets" : "puts and gets a second")"
            } else if let one = ["mixed", "put", "load", "get", "scan"].first(where: measured.contains) {
                (workloads, text) = ([one], "\(figure) of the workload \(one)")
            } else {
                return nil
            }
        }

        /// More is better.
        func figure(_ row: BenchRow) -> Double {
            isPaced ? 1 / max(row.p999, 1e-3) : row.operationsPerSecond
        }
    }

    private struct Choice: Hashable {
        var engine: String
        var writePath: String

        init(_ row: BenchRow) {
            engine = row.engine
            writePath = row.writePath
        }
    }

    private struct Winner {
        var valueBytes: Int
        var choice: Choice
        /// How much better than the next engine, and which that is.
        var factor: Double
        var next: String
    }

    private static func winner(of rows: [BenchRow], _ basis: Basis) -> Winner? {
        var scores: [(choice: Choice, score: Double)] = []
        for row in rows where !scores.contains(where: { $0.choice == Choice(row) }) {
            let figures = basis.workloads.compactMap { workload in
                rows.first { Choice($0) == Choice(row) && $0.workload == workload }.map(basis.figure)
            }
            guard figures.count == basis.workloads.count else { continue }
            // The order of geometric means is that of products.
            scores.append((Choice(row), figures.reduce(1, *)))
        }
        scores.sort { ($1.score, $0.choice.engine) < ($0.score, $1.choice.engine) }
        guard let best = scores.first, let next = scores.first(where: { $0.choice.engine != best.choice.engine }) else {
            return nil
        }
        let power = 1 / Double(basis.workloads.count)
        let factor = next.score > 0 ? pow(best.score / next.score, power) : .infinity
        return Winner(valueBytes: rows[0].valueBytes, choice: best.choice, factor: factor, next: next.choice.engine)
    }

    /// Neighbouring sizes with the same winner are one range.
    private static func ranges(of winners: [Winner]) -> [(sizes: String, choice: Choice, lead: String)] {
        var groups: [[Winner]] = []
        for winner in winners {
            if let last = groups.last?.last, last.choice == winner.choice {
                groups[groups.count - 1].append(winner)
            } else {
                groups.append([winner])
            }
        }
        return groups.map { group in
            let first = ByteCount(group[0].valueBytes), last = ByteCount(group[group.count - 1].valueBytes)
            let closest = group.min { $0.factor < $1.factor } ?? group[0]
            let isOne = group.count == 1
            let factor = "\((closest.factor * 10).rounded() / 10) × \(closest.next)"
            return (
                isOne ? "\(first)" : "\(first) to \(last)", group[0].choice,
                closest.factor.isFinite ? ", \(isOne ? "" : "at least ")\(factor)" : ""
            )
        }
    }
}
