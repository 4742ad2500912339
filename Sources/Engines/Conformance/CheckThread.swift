/// A thread with an error to hand over: checks block, which a task must not.
final class CheckThread: @unchecked Sendable {
    // Unchecked: `outcome` is set before init returns and not changed after it.

    private final class Outcome: @unchecked Sendable {
        // Unchecked: `failure` is written by the thread and read after its join, which orders the two.
        var failure: (any Error)?
    }

    private let outcome: Outcome
    private let thread: BlockingThread

    init(_ body: @escaping @Sendable () throws -> Void) {
        let outcome = Outcome()
        self.outcome = outcome
        thread = BlockingThread(name: "engine check") {
            do { try body() } catch { outcome.failure = error }
        }
    }

    /// Waits for the end and throws what the body threw. To be called once.
    func join() throws {
        thread.join()
        if let failure = outcome.failure { throw failure }
    }
}

func onAnotherThread(_ body: @escaping @Sendable () throws -> Void) throws {
    try CheckThread(body).join()
}

/// A switch between threads.
final class Flag: @unchecked Sendable {
    // Unchecked: `value` is used under `monitor`.
    private let monitor = Monitor()
    private var value: Bool

    init(_ value: Bool) {
        self.value = value
    }

    var isSet: Bool { monitor.withLock { value } }

    func clear() {
        monitor.withLock { value = false }
    }
}
