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
    /// - `process` is called on the thread with one job or more, in order; what it leaves in the array is dropped.
    public init(
        name: String, capacity: Int, maximumBytes: Int = 256 << 20, maximumGroup: Int,
        maximumGroupBytes: Int = 32 << 20, process: @escaping @Sendable (inout [Job]) -> Void
    ) {
        let queue = WriterQueue<Job>(name: name, capacity: capacity, maximumBytes: maximumBytes)
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

/// The bounded queue of a ``WriterThread``.
final class WriterQueue<Job: Sendable>: @unchecked Sendable {
    // Unchecked: every mutable field is used under `monitor`.
    let name: String
    private let capacity: Int
    private let maximumBytes: Int

    private let monitor = Monitor()
    private var jobs: [(job: Job, bytes: Int)] = []
    /// What waits: in `jobs`, or taken from it for a later group.
    private var count = 0
    private var bytes = 0
    private var isIdle = false
    private var isRefusing = false
    private var hasEnded = false

    init(name: String, capacity: Int, maximumBytes: Int) {
        precondition(capacity > 0 && maximumBytes > 0, "\(name): room for \(capacity) jobs, \(maximumBytes) bytes")
        self.name = name
        self.capacity = capacity
        self.maximumBytes = maximumBytes
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
        if isIdle {
            isIdle = false
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
        while take(&taken) {
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
            taken.removeAll(keepingCapacity: true)
        }
    }

    /// Swaps the waiting jobs into the empty `taken`. False at the end.
    private func take(_ taken: inout [(job: Job, bytes: Int)]) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        while jobs.isEmpty {
            if isRefusing { return false }
            isIdle = true
            monitor.wait()
        }
        isIdle = false
        swap(&jobs, &taken)
        return true
    }
}
