import Foundation
import Glibc
import Synchronization

/// Does something at Ctrl-C, SIGTERM or a closed terminal, then ends the program as such a signal does. One at a time.
///
/// With a handler, since a dispatch source begins to listen a little after it was made: until then a signal would end
/// the program at once, or be lost.
final class StopSignals: Sendable {
    private static let numbers = [SIGINT, SIGTERM, SIGHUP]
    /// Where the handler writes the signal's number.
    private static let writingEnd = Atomic<CInt>(-1)

    init(_ clearUp: @escaping @Sendable () -> Void) throws(CommandFailure) {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw CommandFailure(.inputOutput, "cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        // Not the daemons' as well: no other thread starts one yet.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let (reading, writing) = (ends[0], ends[1])
        Thread.detachNewThread { Self.wait(at: reading, clearUp) }
        // Before the handler, which must not be the first to touch it: making it is more than a handler may do.
        Self.writingEnd.store(writing, ordering: .releasing)
        for number in Self.numbers {
            signal(number) { number in
                let before = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(StopSignals.writingEnd.load(ordering: .acquiring), &byte, 1)
                errno = before
            }
        }
    }

    private static func wait(at reading: CInt, _ clearUp: () -> Void) {
        // This thread takes them, whatever the others block, and whatever was blocked when the program began.
        var mask = sigset_t()
        sigemptyset(&mask)
        for number in numbers { sigaddset(&mask, number) }
        pthread_sigmask(SIG_UNBLOCK, &mask, nil)
        var number: UInt8 = 0
        var count = read(reading, &number, 1)
        while count < 0, errno == EINTR { count = read(reading, &number, 1) }
        guard count == 1 else {
            close(reading)
            return
        }
        clearUp()
        _exit(128 + CInt(number))
    }

    /// Once: signals do again what they did.
    func cancel() {
        for number in Self.numbers { signal(number, SIG_DFL) }
        close(Self.writingEnd.exchange(-1, ordering: .acquiringAndReleasing))
    }
}
