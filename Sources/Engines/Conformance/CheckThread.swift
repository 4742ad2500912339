import Glibc

/// A real thread with an error to hand over: checks must block, which a task must not.
final class CheckThread: @unchecked Sendable {
    // Unchecked: `failure` is written by the thread and read after its join, which orders the two.
    private let body: @Sendable () throws -> Void
    private var failure: (any Error)?
    private var handle = pthread_t()

    init(_ body: @escaping @Sendable () throws -> Void) {
        self.body = body
        let code = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                let thread = Unmanaged<CheckThread>.fromOpaque(context).takeRetainedValue()
                do { try thread.body() } catch { thread.failure = error }
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(code == 0, "pthread_create: \(code)")
    }

    /// Waits for the end and throws what the body threw. To be called once.
    func join() throws {
        let code = pthread_join(handle, nil)
        precondition(code == 0, "pthread_join: \(code)")
        if let failure { throw failure }
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
