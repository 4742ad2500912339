import Glibc
import NIOCore

/// Where a value comes from: the argument itself, standard input (`-`), or a file (`@file`).
enum ValueSource: Equatable {
    case argument(String)
    case standardInput
    case file(String)

    /// Nodes take 16 MiB; what is beyond this is not even read.
    static let limit = 64 << 20

    init(_ argument: String) {
        if argument == "-" {
            self = .standardInput
        } else if argument.hasPrefix("@") {
            self = .file(String(argument.dropFirst()))
        } else {
            self = .argument(argument)
        }
    }

    var contentType: String {
        if case .argument = self { "text/plain; charset=utf-8" } else { "application/octet-stream" }
    }

    /// All bytes.
    func read() throws(CommandFailure) -> ByteBuffer {
        switch self {
        case .argument(let text): return ByteBuffer(string: text)
        case .standardInput: return try Self.read(STDIN_FILENO, "standard input")
        case .file(let path):
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure("cannot open '\(path)'") }
            defer { close(descriptor) }
            return try Self.read(descriptor, "'\(path)'")
        }
    }

    private static func read(_ descriptor: CInt, _ name: String) throws(CommandFailure) -> ByteBuffer {
        var buffer = ByteBuffer()
        while true {
            var code: CInt = 0
            let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 64 << 10) { space in
                let count = Glibc.read(descriptor, space.baseAddress, space.count)
                if count < 0 { code = errno }
                return max(0, count)
            }
            if code == EINTR { continue }
            guard code == 0 else { throw failure("cannot read \(name)", code) }
            if count == 0 { return buffer }
            guard buffer.readableBytes <= limit else {
                throw CommandFailure(.refused, "\(name) has more than \(limit) bytes, too many for a value")
            }
        }
    }

    private static func failure(_ what: String, _ code: CInt = errno) -> CommandFailure {
        CommandFailure(.inputOutput, "\(what): \(String(cString: strerror(code)))")
    }
}
