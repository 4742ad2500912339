import NIOCore
import NIOHTTP1

/// `/metrics`: the node's figures, for Prometheus.
enum MetricsResource {
    static func reply(_ text: ByteBuffer) -> HTTPReply {
        HTTPReply(.ok, headers: ["Content-Type": Exposition.contentType], body: text)
    }
}

/// `/health/live` and `/health/ready`: for whoever restarts nodes, and whoever sends clients to them.
enum HealthResource {
    static func live(_ isAlive: Bool) -> HTTPReply {
        isAlive ? HTTPReply(.ok, line: "alive") : HTTPReply(.serviceUnavailable, line: "the event loop has ended")
    }

    static func ready(lacking lines: [String]) -> HTTPReply {
        lines.isEmpty
            ? HTTPReply(.ok, line: "ready")
            : HTTPReply(.serviceUnavailable, line: lines.joined(separator: "\n"))
    }
}
