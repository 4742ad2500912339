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
        var attributes = pthread_condattr_t()
        check(pthread_condattr_init(&attributes), "pthread_condattr_init")
        check(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), "pthread_condattr_setclock")
        check(pthread_cond_init(condition, &attributes), "pthread_cond_init")
        pthread_condattr_destroy(&attributes)
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
    package func wait() {
        check(pthread_cond_wait(condition, mutex), "pthread_cond_wait")
    }

    /// As ``wait()``, until `moment` of ``now()`` at the latest: false when that has come.
    @discardableResult
    package func wait(until moment: UInt64) -> Bool {
        var time = timespec(tv_sec: Int(moment / 1_000_000_000), tv_nsec: Int(moment % 1_000_000_000))
        let code = pthread_cond_timedwait(condition, mutex, &time)
        if code != ETIMEDOUT { check(code, "pthread_cond_timedwait") }
        return code != ETIMEDOUT
    }

    /// As ``wait()``, for no longer than about `seconds`.
    func wait(atMostSeconds seconds: Int) {
        wait(until: Self.now() + UInt64(seconds) * 1_000_000_000)
    }

    /// Nanoseconds of the clock by which ``wait(until:)`` waits.
    package static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    package func wakeOne() {
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
