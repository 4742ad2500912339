import Engines

/// A store under load: an engine behind Rotor's writer thread, or a C loop.
protocol BenchStore: AnyObject, Sendable {
    /// Carries the workload out on threads of its own and returns when all have ended.
    func run(_ workload: BenchWorkload, _ load: BenchLoad) throws

    /// Writes what was put off (checkpoints, buffers, logs), by closing the store where it keeps anything.
    func settle() throws

    /// Opens a store that was settled, so that reads meet what is stored; nothing where it is open.
    func open() throws

    func close() throws

    /// Every entry in order, until `body` returns false.
    func visit(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool) throws
}

/// One workload's parameters, the same for every store.
struct BenchLoad: Sendable {
    var data: BenchData
    var threads: Int
    /// Nanoseconds of the system's clock.
    var deadline: UInt64
    var rate: Double?
    var seed: UInt64
    var scanEntries: Int
    var timeline: LatencyTimeline

    func random(thread: Int) -> BenchRandom {
        var seeds = BenchRandom(seed: seed &+ UInt64(thread) &* 0x9e37_79b9)
        return BenchRandom(seed: seeds.next())
    }

    func pace(thread: Int, of threads: Int) -> Pace? {
        rate.map { Pace(perSecond: $0, thread: thread, of: threads, start: timeline.start) }
    }
}

/// Threads that work at the same time.
enum BenchThreads {
    /// Returns when all have ended, and throws what the first of them that failed threw.
    static func run(_ count: Int, named name: String, _ body: @escaping @Sendable (_ thread: Int) throws -> Void) throws
    {
        let failures = FirstFailure()
        let threads = (0..<count).map { number in
            BlockingThread(name: "\(name)-\(number)") {
                do { try body(number) } catch { failures.note(error) }
            }
        }
        for thread in threads { thread.join() }
        if let failure = failures.first { throw failure }
    }

    private final class FirstFailure: @unchecked Sendable {
        // Unchecked: `failure` is used under `monitor`.
        private let monitor = Monitor()
        private var failure: (any Error)?

        var first: (any Error)? { monitor.withLock { failure } }

        func note(_ error: any Error) {
            monitor.withLock { if failure == nil { failure = error } }
        }
    }
}
