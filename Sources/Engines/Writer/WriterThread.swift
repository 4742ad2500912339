/// A full queue, or one that has stopped: what was waiting, and the bounds.
public struct Overloaded: Error, Sendable, Equatable, CustomStringConvertible {
    /// The thread's name.
    public var queue: String
    public var waiting: Int
    public var capacity: Int
    public var waitingBytes: Int
    public var maximumBytes: Int
    /// True where it takes nothing any more.
    public var isStopped: Bool

    public var description: String {
        if isStopped { return "\(queue) has stopped" }
        return """
            \(queue) is overloaded: \(waiting) of \(capacity) jobs and \(waitingBytes) of \(maximumBytes) bytes are \
            waiting; try again later
            """
    }
}

/// One thread that carries out jobs in the order of their coming, all that wait at once: the group commit of an engine
/// is one call of `process`.
///
/// A real thread, since its work blocks in system calls, and LMDB's write transactions belong to a thread.
public final class WriterThread<Job: Sendable>: Sendable {
    private let queue: WriterQueue<Job>
    private let thread: BlockingThread

    /// - `capacity`, `maximumBytes`: how many jobs, and of how many bytes, may wait; a job beyond the bytes may where
    ///   it waits alone.
    /// - `maximumGroup`, `maximumGroupBytes`: how many, and of how many bytes, `process` gets at most at once; a job
    ///   beyond the bytes comes alone.
    /// - `gathers`: whether those who were just answered are given a moment to come again, see ``WriterQueue``.
    /// - `process` is called on the thread with one job or more, in order; what it leaves in the array is dropped.
    public init(
        name: String, capacity: Int, maximumBytes: Int = 256 << 20, maximumGroup: Int,
        maximumGroupBytes: Int = 8 << 20, gathers: Bool = false, process: @escaping @Sendable (inout [Job]) -> Void
    ) {
        let queue = WriterQueue<Job>(name: name, capacity: capacity, maximumBytes: maximumBytes, gathers: gathers)
        let largest = GroupBounds(jobs: maximumGroup, bytes: maximumGroupBytes)
        self.queue = queue
        // The thread holds the queue, not this object, so that it does not keep its owner.
        thread = BlockingThread(name: name) { queue.run(inGroupsOf: largest, process) }
    }

    deinit {
        // The last reference may go on the thread itself, at the end of a job.
        if thread.isCurrent {
            queue.refuse()
            thread.detach()
        } else {
            stop()
        }
    }

    /// Jobs that wait, without those being processed.
    public var waiting: Int { queue.waiting }

    /// Adds a job of about `bytes` bytes to the queue, from any thread.
    public func submit(_ job: Job, bytes: Int = 0) throws(Overloaded) {
        try queue.add(job, bytes: bytes)
    }

    /// Refuses new jobs, waits until all that were taken are processed, and ends the thread. A second call only waits.
    /// Never from `process`.
    public func stop() {
        precondition(!thread.isCurrent, "\(queue.name): stop() from its own thread")
        if queue.refuse() {
            thread.join()
            queue.tellEnd()
        } else {
            queue.waitForEnd()
        }
    }
}

struct GroupBounds {
    var jobs: Int
    var bytes: Int
}

/// How long a queue waits for those who were just answered.
enum Gathering {
    /// Nanoseconds: an eighth of what the last group took, since waiting longer would not be made up for. Nil where
    /// that is less than being answered and coming again takes: then the halves overlap, and nobody gains by waiting.
    static func patience(after last: UInt64) -> UInt64? {
        let patience = min(last / 8, 2_000_000)
        return patience < 100_000 ? nil : patience
    }
}

/// The bounded queue of a ``WriterThread``.
///
/// Where it gathers, the next group waits for as many jobs as were processed last or have come meanwhile, for a small
/// part of the time that the last took. Otherwise clients that wait for their answers fall into two halves, each of
/// which waits for the other's commit: twice the commits, and twice the time, for the same puts.
final class WriterQueue<Job: Sendable>: @unchecked Sendable {
    // Unchecked: every mutable field is used under `monitor`.
    let name: String
    private let capacity: Int
    private let maximumBytes: Int
    private let gathers: Bool

    private let monitor = Monitor()
    private var jobs: [(job: Job, bytes: Int)] = []
    /// What waits: in `jobs`, or taken from it for a later group.
    private var count = 0
    private var bytes = 0
    /// How many jobs must wait for the thread to be woken, where it waits.
    private var wakesAt: Int?
    private var isRefusing = false
    private var hasEnded = false

    init(name: String, capacity: Int, maximumBytes: Int, gathers: Bool) {
        precondition(capacity > 0 && maximumBytes > 0, "\(name): room for \(capacity) jobs, \(maximumBytes) bytes")
        self.name = name
        self.capacity = capacity
        self.maximumBytes = maximumBytes
        self.gathers = gathers
    }

    var waiting: Int { monitor.withLock { count } }

    func add(_ job: Job, bytes size: Int) throws(Overloaded) {
        monitor.lock()
        defer { monitor.unlock() }
        guard !isRefusing, count < capacity, count == 0 || bytes + size <= maximumBytes else {
            throw Overloaded(
                queue: name, waiting: count, capacity: capacity, waitingBytes: bytes, maximumBytes: maximumBytes,
                isStopped: isRefusing)
        }
        jobs.append((job, size))
        count += 1
        bytes += size
        if let wakesAt, jobs.count >= wakesAt {
            self.wakesAt = nil
            monitor.wakeAll()
        }
    }

    /// Takes no job any more. True for the first call.
    @discardableResult
    func refuse() -> Bool {
        monitor.withLock {
            if isRefusing { return false }
            isRefusing = true
            monitor.wakeAll()
            return true
        }
    }

    func tellEnd() {
        monitor.withLock {
            hasEnded = true
            monitor.wakeAll()
        }
    }

    func waitForEnd() {
        monitor.withLock {
            while !hasEnded { monitor.wait() }
        }
    }

    /// Processes until the queue refuses and is empty.
    func run(inGroupsOf largest: GroupBounds, _ process: (inout [Job]) -> Void) {
        precondition(largest.jobs > 0 && largest.bytes > 0, "\(name): groups of \(largest)")
        var taken: [(job: Job, bytes: Int)] = []
        var group: [Job] = []
        var last: (jobs: Int, nanoseconds: UInt64)?
        while take(&taken, after: last, atMost: largest.jobs) {
            let begin = gathers ? Monitor.now() : 0
            var next = 0
            while next < taken.count {
                var size = 0
                while next < taken.count, group.count < largest.jobs,
                    group.isEmpty || size + taken[next].bytes <= largest.bytes
                {
                    group.append(taken[next].job)
                    size += taken[next].bytes
                    next += 1
                }
                monitor.withLock {
                    count -= group.count
                    bytes -= size
                }
                process(&group)
                group.removeAll(keepingCapacity: true)
            }
            if gathers { last = (taken.count, Monitor.now() - begin) }
            taken.removeAll(keepingCapacity: true)
        }
    }

    /// Swaps the waiting jobs into the empty `taken`. False at the end.
    private func take(
        _ taken: inout [(job: Job, bytes: Int)], after last: (jobs: Int, nanoseconds: UInt64)?, atMost most: Int
    ) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        if let last { gather(after: last, atMost: most) }
        while jobs.isEmpty {
            if isRefusing { return false }
            wakesAt = 1
            monitor.wait()
        }
        wakesAt = nil
        swap(&jobs, &taken)
        return true
    }

    /// Under `monitor`.
    private func gather(after last: (jobs: Int, nanoseconds: UInt64), atMost most: Int) {
        guard let patience = Gathering.patience(after: last.nanoseconds) else { return }
        let expected = min(last.jobs + jobs.count, most)
        let deadline = Monitor.now() + patience
        while jobs.count < expected, !isRefusing {
            wakesAt = expected
            guard monitor.wait(until: deadline) else { return }
        }
    }
}
