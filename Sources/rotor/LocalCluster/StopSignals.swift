import Dispatch
import Glibc

/// Does something at Ctrl-C, SIGTERM or a closed terminal, then ends the program as such a signal does.
final class StopSignals {
    private let sources: [any DispatchSourceSignal]

    init(_ clearUp: @escaping @Sendable () -> Void) {
        sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                clearUp()
                _exit(128 + number)
            }
            source.resume()
            // Only now: a signal that came in between would be heard by nobody.
            signal(number, SIG_IGN)
            return source
        }
    }

    func cancel() {
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_DFL) }
    }
}
