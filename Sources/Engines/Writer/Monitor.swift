import Glibc

/// A mutex with one condition.
///
/// pthreads directly: Engines takes nothing of NIO but its byte container, and the thread sanitizer does not see
/// `Synchronization.Mutex`.
package final class Monitor: @unchecked Sendable {
    // Unchecked: both fields are pthread objects, made to be shared between threads.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    package init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        check(pthread_mutex_init(mutex, nil), "pthread_mutex_init")
        check(pthread_cond_init(condition, nil), "pthread_cond_init")
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func lock() {
        check(pthread_mutex_lock(mutex), "pthread_mutex_lock")
    }

    func unlock() {
        check(pthread_mutex_unlock(mutex), "pthread_mutex_unlock")
    }

    /// Call with the lock held, in a loop that tests what is waited for: it may wake without reason.
    func wait() {
        check(pthread_cond_wait(condition, mutex), "pthread_cond_wait")
    }

    /// As ``wait()``, for no longer than about `seconds` (of the system's clock, which may be set meanwhile).
    func wait(atMostSeconds seconds: Int) {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += seconds
        let code = pthread_cond_timedwait(condition, mutex, &deadline)
        if code != ETIMEDOUT { check(code, "pthread_cond_timedwait") }
    }

    func wakeOne() {
        check(pthread_cond_signal(condition), "pthread_cond_signal")
    }

    func wakeAll() {
        check(pthread_cond_broadcast(condition), "pthread_cond_broadcast")
    }

    package func withLock<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        lock()
        defer { unlock() }
        return try body()
    }

    private func check(_ code: Int32, _ call: String) {
        precondition(code == 0, "\(call): \(code)")
    }
}
