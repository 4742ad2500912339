/// What a cluster does when more is asked of it than it can do.
struct OverloadReport: Encodable {
    struct Memory: Encodable, Equatable {
        var node: String
        var beforeBytes: Int
        var highestBytes: Int
        var afterBytes: Int
    }

    /// What a closed loop of some clients gets out of the cluster.
    struct Closed: Encodable, Equatable {
        var clients: Int
        var goodput: Double
        var p99Milliseconds: Double
    }

    var best: Double
    var bestClients: Int
    var closed: [Closed]
    var connections: Int
    var engine: String
    var errors: [String: Int]
    /// Parts of one processor.
    var generatorCpu: Double
    var goodput: Double
    /// Requests a second that were due, and those of them for which no connection was free.
    var offered: Double
    var unsent: Double
    var p50Milliseconds: Double
    var p99Milliseconds: Double
    /// Of ``best``.
    var ratio: Double
    var memory: [Memory]
    var modest: Double
    var modestP99Milliseconds: Double
    var putRatio: Double
    /// Until the requests of a half second were answered as quickly as twice the time before; nil: not in time.
    var recoverySeconds: Double?
    var recoveryErrors: [String: Int]
    var recoveryRefused: Int
    var refused: ArrivalResult.Latencies
    var refusedPerSecond: Double
    var seconds: Double
    var serverCpu: Double
    var valueSize: Int

    /// Whether the cluster kept its promise: 80% of its best, and well again within five seconds.
    var isKept: Bool { ratio >= 0.8 && (recoverySeconds ?? .infinity) <= 5 }

    /// The first half second from which on, for a second and a half, requests were as quick as they are to be.
    static func recovery(_ slices: [Double?], limit: Double) -> Double? {
        let begin = slices.indices.dropLast(2).first { start in
            slices[start..<start + 3].allSatisfy { ($0 ?? .infinity) <= limit }
        }
        return begin.map { Double($0) * 0.5 }
    }

    var lines: [String] {
        var lines = ["three daemons on \(engine), values of \(valueSize) bytes, \(percent(putRatio)) puts"]
        let each = closed.map { "\(Int($0.goodput))/s of \($0.clients) clients (p99 \($0.p99Milliseconds.tenths) ms)" }
        lines.append("best        \(each.joined(separator: ", "))")
        lines.append(
            "offered     \(Int(offered))/s for \(seconds.tenths) s over \(connections) connections;"
                + " \(Int(unsent))/s found none that was free")
        lines.append(
            "goodput     \(Int(goodput))/s, \(percent(ratio)) of the best;"
                + " ms: p50 \(p50Milliseconds.tenths), p99 \(p99Milliseconds.tenths)")
        lines.append(
            "refused     \(Int(refusedPerSecond))/s; ms: p50 \(refused.p50Milliseconds.tenths),"
                + " p99 \(refused.p99Milliseconds.tenths), longest \(refused.maximumMilliseconds.tenths)")
        lines.append("errors      \(text(errors))")
        let sizes = memory.map {
            "\($0.node) \($0.beforeBytes.asBytes), \($0.highestBytes.asBytes), \($0.afterBytes.asBytes)"
        }
        lines.append("memory      before, highest, after: \(sizes.joined(separator: "; "))")
        lines.append("processors  \(serverCpu.tenths) by the daemons, \(generatorCpu.tenths) by the load")
        let recovered = recoverySeconds.map { "\($0.tenths) s" } ?? "not seen"
        lines.append(
            "afterwards  \(Int(modest))/s: p99 within twice the \(modestP99Milliseconds.tenths) ms before after"
                + " \(recovered); \(recoveryRefused) refused, errors: \(text(recoveryErrors))")
        return lines
    }

    private func percent(_ ratio: Double) -> String { "\(Int((ratio * 100).rounded()))%" }

    private func text(_ errors: [String: Int]) -> String {
        let kinds = errors.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        return kinds.isEmpty ? "none" : kinds.joined(separator: ", ")
    }
}
