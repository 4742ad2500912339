/// How much of a library's speed is left: an engine's operations a second against those of the C loop over the same
/// library.
public enum LoopRatios {
    /// A line for each engine, write path and value size that was measured beside its loop. A write counts when it has
    /// reached the engine: the time to settle is part of the time, so that what a buffer or a log only puts off is no
    /// gain.
    public static func lines(for results: [BenchResult]) -> [String] {
        var lines: [String] = []
        for result in results where !result.row.isLoop && !lines.contains(where: { $0.hasPrefix(head(result.row)) }) {
            let parts = results.filter { head($0.row) == head(result.row) }.compactMap { part(of: $0, in: results) }
            if !parts.isEmpty { lines.append(head(result.row) + parts.joined(separator: ", ")) }
        }
        return lines
    }

    private static func head(_ row: BenchRow) -> String {
        "\(row.engine) \(row.writePath), \(ByteCount(row.valueBytes)), against \(row.engine)-c: "
    }

    private static func part(of result: BenchResult, in results: [BenchResult]) -> String? {
        let row = result.row
        let loop = results.first {
            $0.row.engine == "\(row.engine)-c" && $0.row.workload == row.workload
                && $0.row.valueBytes == row.valueBytes
        }
        guard let loop, loop.settledRate > 0 else { return nil }
        return "\(row.workload) \(((result.settledRate / loop.settledRate) * 100).rounded() / 100) ×"
    }
}

extension BenchResult {
    /// Operations a second until all of them were settled.
    var settledRate: Double {
        let seconds = max(latencies.seconds, 1e-9)
        let writes = BenchWorkload(rawValue: row.workload)?.writes ?? false
        return row.operationsPerSecond * seconds / (seconds + (writes ? settleSeconds : 0))
    }
}
