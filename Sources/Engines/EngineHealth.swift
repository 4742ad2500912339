/// Whether an engine may still write. The first fatal failure stays: after a failed sync neither the page cache nor a
/// later sync that succeeds says anything about what is on disk.
final class EngineHealth: @unchecked Sendable {
    // Unchecked: `verdict` is used under `monitor`.
    private let monitor = Monitor()
    private var verdict: EngineError?

    var isSound: Bool { failure == nil }

    var failure: EngineError? { monitor.withLock { verdict } }

    func condemn(_ error: EngineError) {
        monitor.withLock {
            if verdict == nil { verdict = error }
        }
    }

    func requireSound(_ operation: StaticString) throws(EngineError) {
        guard let verdict = monitor.withLock({ verdict }) else { return }
        throw EngineError(
            verdict.code, operation: "\(operation)", call: verdict.call, number: verdict.number,
            detail:
                "refused since an earlier failure, \(verdict.operation): \(verdict.detail); reopen and verify the store"
        )
    }
}
