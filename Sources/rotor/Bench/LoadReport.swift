/// The figures of a run, for people and for programs.
struct LoadReport: Encodable {
    struct Server: Encodable, Equatable {
        var node: String
        /// Of all requests that were answered while measuring.
        var cpuMicrosecondsPerRequest: Double
        /// At the end.
        var residentBytes: Int
    }

    var connections: Int
    /// Of the daemons that were started for it.
    var engine: String?
    var errors: [String: Int]
    var generatorCpuMicrosecondsPerRequest: Double?
    var gets: LoadResult.Latencies
    var keys: Int
    var putRatio: Double
    var puts: LoadResult.Latencies
    var seconds: Double
    /// Only those that were started for it: of others nothing is known.
    var servers: [Server]
    var valueSize: Int

    init(
        _ plan: LoadPlan, _ result: LoadResult, engine: String?, before: Usages, after: Usages
    ) {
        connections = plan.connections
        self.engine = engine
        errors = result.errors
        gets = result.gets
        keys = plan.keys
        putRatio = plan.putRatio
        puts = result.puts
        seconds = result.seconds
        valueSize = plan.valueBytes
        let requests = Double(max(1, result.requests))
        servers = after.servers.compactMap { node, usage in
            before.servers.first { $0.node == node }.map { earlier in
                Server(
                    node: node,
                    cpuMicrosecondsPerRequest: Double(usage.cpuMicroseconds - earlier.usage.cpuMicroseconds) / requests,
                    residentBytes: usage.residentBytes)
            }
        }
        if let before = before.generator, let after = after.generator {
            generatorCpuMicrosecondsPerRequest =
                Double(after.cpuMicroseconds - before.cpuMicroseconds) / requests
        }
    }

    /// Of all three daemons together, the figure that says how much a request costs.
    var serverMicrosecondsPerRequest: Double { servers.reduce(0) { $0 + $1.cpuMicrosecondsPerRequest } }

    var lines: [String] {
        let daemons = engine.map { "three daemons on \($0), " } ?? ""
        var lines = ["\(daemons)\(connections) connections, values of \(valueSize) bytes, \(seconds.tenths) s"]
        for (name, figures) in [("puts", puts), ("gets", gets)] where figures.count > 0 {
            lines.append(
                "\(name)  \(Int(figures.perSecond.rounded()))/s, \(figures.count) in all;"
                    + " ms: p50 \(figures.p50Milliseconds.hundredths), p99 \(figures.p99Milliseconds.hundredths),"
                    + " p99.9 \(figures.p999Milliseconds.hundredths), longest \(figures.maximumMilliseconds.hundredths)"
            )
        }
        let kinds = errors.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        lines.append("errors  \(kinds.isEmpty ? "none" : kinds.joined(separator: ", "))")
        if !servers.isEmpty {
            let each = servers.map { "\($0.node) \($0.cpuMicrosecondsPerRequest.tenths)" }.joined(separator: ", ")
            lines.append("server CPU  \(serverMicrosecondsPerRequest.tenths) µs a request (\(each))")
            let memory = servers.map { "\($0.node) \($0.residentBytes.asBytes)" }.joined(separator: ", ")
            lines.append("resident memory  \(memory)")
        }
        if let own = generatorCpuMicrosecondsPerRequest {
            lines.append("load generator CPU  \(own.tenths) µs a request")
        }
        return lines
    }
}

extension Double {
    fileprivate var hundredths: String { "\((self * 100).rounded() / 100)" }
}
