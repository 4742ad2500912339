import Glibc

/// Runs an engine's checkpoints beside its writer: on request, and after a time at the latest.
final class CheckpointThread: @unchecked Sendable {
    // Unchecked: the mutable fields are used under `monitor`; `thread` is written before init returns.

    private let monitor = Monitor()
    private let seconds: Int
    private let work: @Sendable () -> Void
    private var thread = pthread_t()
    private var isRequested = false
    private var isRunning = false
    private var isStopping = false
    private var isJoined = false

    /// Calls `work` on a thread of its own after each ``request()``, and when `seconds` have passed without one.
    init(every seconds: Int, operation: String, work: @escaping @Sendable () -> Void) throws(EngineError) {
        self.seconds = seconds
        self.work = work
        let context = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<CheckpointThread>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            context.release()
            isJoined = true
            throw EngineError(
                .failed, operation: operation, call: "pthread_create", number: Int(code),
                detail: "no thread for the checkpoints: \(String(cString: strerror(code)))")
        }
    }

    /// Returns at once. Requests that come before the next run are one.
    func request() {
        monitor.withLock {
            isRequested = true
            monitor.wakeAll()
        }
    }

    /// Waits until no run is going on or asked for.
    func waitUntilIdle() {
        monitor.withLock {
            while (isRequested || isRunning) && !isStopping { monitor.wait() }
        }
    }

    /// Waits for a run that is going on and ends the thread. A second call does nothing.
    func stop() {
        let mustJoin = monitor.withLock {
            isStopping = true
            monitor.wakeAll()
            defer { isJoined = true }
            return !isJoined
        }
        if mustJoin { pthread_join(thread, nil) }
    }

    private func run() {
        monitor.lock()
        while !isStopping {
            if !isRequested { monitor.wait(atMostSeconds: seconds) }
            if isStopping { break }
            isRequested = false
            isRunning = true
            monitor.unlock()
            work()
            monitor.lock()
            isRunning = false
            monitor.wakeAll()
        }
        monitor.unlock()
    }
}
