import Glibc

/// A thread of the system: what blocks in system calls must not sit on one that Swift's tasks or NIO's loops share.
package final class BlockingThread: @unchecked Sendable {
    // Unchecked: `handle` is set before init returns and not changed after it.
    private var handle = pthread_t()

    /// What the thread holds: not this object, whose owner may be what `body` keeps.
    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Begins at once. ``join()`` or ``detach()`` must be called, once.
    package init(name: String, _ body: @escaping @Sendable () -> Void) {
        let start = Start(name: name, body: body)
        let code = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                BlockingThread.nameCurrent(start.name)
                start.body()
                return nil
            }, Unmanaged.passRetained(start).toOpaque())
        precondition(code == 0, "\(name): pthread_create: \(code)")
    }

    var isCurrent: Bool { pthread_equal(pthread_self(), handle) != 0 }

    /// Waits for the end.
    package func join() {
        let code = pthread_join(handle, nil)
        precondition(code == 0, "pthread_join: \(code)")
    }

    func detach() {
        let code = pthread_detach(handle)
        precondition(code == 0, "pthread_detach: \(code)")
    }

    /// For `top` and debuggers only, so a failure does not matter. (Glibc's module has no pthread_setname_np.)
    private static func nameCurrent(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        // proc(5): "Strings longer than TASK_COMM_LEN (16) characters … are silently truncated."
        _ = write(file, name, name.utf8.count)
        close(file)
    }
}
