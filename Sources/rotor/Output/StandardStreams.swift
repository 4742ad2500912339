import Glibc
import NIOCore

/// Data goes to standard output, everything said about it to standard error.
enum StandardStreams {
    static func print(_ line: String) throws(CommandFailure) {
        try write(ByteBuffer(string: line + "\n"))
    }

    /// All of the bytes, unchanged.
    static func write(_ bytes: ByteBuffer) throws(CommandFailure) {
        let code = bytes.withUnsafeReadableBytes { write($0, to: STDOUT_FILENO) }
        switch code {
        case 0: break
        // Whoever reads has what it wanted.
        case EPIPE: throw CommandFailure(.done, "")
        default:
            throw CommandFailure(.inputOutput, "cannot write to standard output: \(String(cString: strerror(code)))")
        }
    }

    /// A line on standard error. There is nowhere to say that it could not be written.
    static func complain(_ message: String) {
        for line in message.split(separator: "\n", omittingEmptySubsequences: true) {
            note("rotor: \(line)\n")
        }
    }

    /// Text on standard error as it is.
    static func note(_ text: String) {
        var text = text
        text.withUTF8 { _ = write(UnsafeRawBufferPointer($0), to: STDERR_FILENO) }
    }

    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// 0, or what `write` failed with.
    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) -> CInt {
        var rest = bytes
        while !rest.isEmpty {
            let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                return errno
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
        return 0
    }
}
