/// A host (a name, an IPv4 address, or an IPv6 address without its brackets) and a port.
public struct NetworkAddress: Sendable, Hashable, CustomStringConvertible {
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT` or `[IPv6]:PORT`; nil where it is neither, or the port is beyond 65535.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }),
            let port = Int(digits), port <= 65535
        else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
            // The part after `%` names an interface (RFC 6874).
            let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
            guard host.contains(":"), parts[0].allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }),
                parts.count == 1 || !parts[1].isEmpty && parts[1].allSatisfy({ $0.isASCII && !$0.isWhitespace })
            else { return nil }
        } else {
            // An IPv6 address without brackets would lose its last group to the port.
            guard host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "-" || $0 == "_") })
            else { return nil }
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port)
    }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        // All of 127.0.0.0/8 (RFC 1122 §3.2.1.3). A name such as 127.example.org is none of it.
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
