/// Runs an engine's checkpoints beside its writer: on request, and after a time at the latest.
///
/// The thread keeps this object; only ``stop()`` ends it.
final class CheckpointThread: @unchecked Sendable {
    // Unchecked: the mutable fields are used under `monitor`; `thread` is set before init returns.

    private let monitor = Monitor()
    private let seconds: Int
    private let work: @Sendable () -> Void
    private var thread: BlockingThread?
    private var isRequested = false
    private var isRunning = false
    private var isStopping = false

    /// Calls `work` on a thread of its own after each ``request()``, and when `seconds` have passed without one.
    init(name: String, every seconds: Int, work: @escaping @Sendable () -> Void) {
        self.seconds = seconds
        self.work = work
        thread = BlockingThread(name: name) { self.run() }
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
        let running = monitor.withLock {
            isStopping = true
            monitor.wakeAll()
            defer { thread = nil }
            return thread
        }
        running?.join()
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
