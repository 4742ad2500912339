/// Empties an ``ObjectBuffer``: when half of it is full, when somebody waits for that, and after a time at the latest.
final class DrainThread {
    private let buffer: ObjectBuffer
    private let thread: BlockingThread

    init(_ buffer: ObjectBuffer) {
        self.buffer = buffer
        buffer.monitor.withLock { buffer.state.stepsInline = false }
        // The thread holds the buffer, not its owner.
        thread = BlockingThread(name: "drain") { Self.run(buffer) }
    }

    /// Waits for the generation that is being written, and ends the thread. To be called once.
    func stop() {
        buffer.monitor.withLock {
            buffer.state.isStopping = true
            buffer.monitor.wakeAll()
        }
        thread.join()
        buffer.monitor.withLock { buffer.state.stepsInline = true }
    }

    private static func run(_ buffer: ObjectBuffer) {
        var clock = IdleClock(seconds: buffer.options.drainSeconds)
        buffer.monitor.lock()
        while !buffer.state.isStopping {
            if buffer.state.isLogWanted {
                buffer.monitor.unlock()
                buffer.prepareLog()
                buffer.monitor.lock()
            } else if buffer.hasDrainToDo {
                buffer.monitor.unlock()
                buffer.drainStep()
                buffer.monitor.lock()
            } else if buffer.state.isEmpty || !buffer.health.isSound {
                clock.stop()
                buffer.monitor.wait()
            } else if clock.hasPassed(since: buffer.state.attemptsEnded) {
                buffer.state.isDrainWanted = true
            } else {
                buffer.monitor.wait(atMostSeconds: buffer.options.drainSeconds)
            }
        }
        buffer.monitor.unlock()
    }
}

/// How long the buffer has not been empty without a generation going to the engine.
private struct IdleClock {
    let seconds: Int
    private var began: (attempt: UInt64, second: Int)?

    init(seconds: Int) {
        self.seconds = seconds
    }

    mutating func stop() {
        began = nil
    }

    mutating func hasPassed(since attempt: UInt64) -> Bool {
        let second = Int(Monitor.now() / 1_000_000_000)
        guard let began, began.attempt == attempt else {
            began = (attempt, second)
            return false
        }
        guard second - began.second >= seconds else { return false }
        stop()
        return true
    }
}
