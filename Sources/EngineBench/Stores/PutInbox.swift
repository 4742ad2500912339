import Engines
import Glibc

/// Where the writer thread leaves the clients whose puts have ended: one wake for a group.
final class PutInbox: @unchecked Sendable {
    // Unchecked: the pthread objects are made to be shared, the other fields are used under `mutex`.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var ended: [Int] = []
    private var failure: EngineError?

    init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func put(_ clients: some Sequence<Int>, failure: EngineError?) {
        pthread_mutex_lock(mutex)
        ended.append(contentsOf: clients)
        if self.failure == nil { self.failure = failure }
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Moves the clients whose puts have ended to `taken`. Waits for the first, no longer than until `moment`
    /// (nanoseconds, CLOCK_MONOTONIC). Fails where one of the puts did.
    func take(until moment: UInt64?, into taken: inout [Int]) throws(EngineError) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while ended.isEmpty {
            guard let moment else {
                pthread_cond_wait(condition, mutex)
                continue
            }
            var time = timespec(tv_sec: Int(moment / 1_000_000_000), tv_nsec: Int(moment % 1_000_000_000))
            if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { break }
        }
        if let failure { throw failure }
        if taken.isEmpty {
            swap(&taken, &ended)
        } else {
            taken.append(contentsOf: ended)
            ended.removeAll(keepingCapacity: true)
        }
    }
}
