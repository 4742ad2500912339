import Glibc
import NIOCore

/// Ports of loopback that nobody listens on.
enum FreePorts {
    /// Below those that the system gives to outgoing connections, so that none of those takes one before its daemon
    /// does. All are held at once, so that they differ.
    static func find(_ count: Int) throws(CommandFailure) -> [Int] {
        var found: [Int] = []
        var sockets: [CInt] = []
        defer { for descriptor in sockets { close(descriptor) } }
        var attempts = 0
        while found.count < count {
            attempts += 1
            guard attempts < 2_000 else {
                throw CommandFailure(.unavailable, "found only \(found.count) of \(count) free ports on 127.0.0.1")
            }
            let port = Int.random(in: 20_000..<32_000)
            let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { continue }
            sockets.append(descriptor)
            guard let address = try? SocketAddress(ipAddress: "127.0.0.1", port: port) else { continue }
            let isFree = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) == 0 }
            if isFree { found.append(port) }
        }
        return found
    }
}
