import Engines
import NIOConcurrencyHelpers
import Node

/// Makes the node's record durable, on a thread of its own. Records that wait while one is being written are written as
/// one: the newest.
///
/// A record that finds no space is tried again until there is some: meanwhile the node promises nothing that it would
/// have to record, and serves what it has.
final class RecordWriter: Sendable {
    enum Outcome: Sendable {
        /// The revision is durable.
        case written(UInt64)
        /// There is no space for it, said once until there is again.
        case waiting(DataFolderError)
        /// Nothing more is written.
        case failed(DataFolderError)
    }

    private let newest = NIOLockedValueBox<NodeRecord?>(nil)
    private let stopping: Stopping
    private let thread: WriterThread<Void>

    /// - Parameters:
    ///   - replace: Makes a record durable in the place of the one before.
    ///   - retryMilliseconds: Between two attempts where there is no space.
    ///   - done: Called on the thread.
    init(
        replace: @escaping @Sendable (NodeRecord) throws(DataFolderError) -> Void, retryMilliseconds: UInt64 = 500,
        done: @escaping @Sendable (Outcome) -> Void
    ) {
        let newest = newest
        let stopping = Stopping()
        self.stopping = stopping
        let hasFailed = NIOLockedValueBox(false)
        thread = WriterThread(name: "rotor-record", capacity: 16, maximumGroup: 16) { _ in
            guard !hasFailed.withLockedValue({ $0 }) else { return }
            var isWaiting = false
            // Newer ones may come while it waits; each of them is a job, too, which then finds nothing left to do.
            while let record = newest.withLockedValue({ $0 }) {
                do throws(DataFolderError) {
                    try replace(record)
                    newest.withLockedValue { if $0?.revision == record.revision { $0 = nil } }
                    return done(.written(record.revision))
                } catch .file(let error) where error.code == .full {
                    if !isWaiting { done(.waiting(.file(error))) }
                    isWaiting = true
                    if stopping.wait(milliseconds: retryMilliseconds) { return }
                } catch {
                    hasFailed.withLockedValue { $0 = true }
                    return done(.failed(error))
                }
            }
        }
    }

    /// After ``stop()`` nothing is written any more.
    func write(_ record: NodeRecord) {
        newest.withLockedValue { $0 = record }
        // A job for each, of which one may take several records.
        do throws(Overloaded) {
            try thread.submit(())
        } catch {
            // Full where records wait for space: the thread takes the newest when it comes to it.
        }
    }

    /// Returns when all is written that there is space for.
    func stop() {
        stopping.begin()
        thread.stop()
    }

    private final class Stopping: @unchecked Sendable {
        // Unchecked: `hasBegun` is used under `monitor`.
        private let monitor = Monitor()
        private var hasBegun = false

        func begin() {
            monitor.withLock {
                hasBegun = true
                monitor.wakeOne()
            }
        }

        /// True where it has begun.
        func wait(milliseconds: UInt64) -> Bool {
            let moment = Monitor.now() + milliseconds * 1_000_000
            return monitor.withLock {
                while !hasBegun, monitor.wait(until: moment) {}
                return hasBegun
            }
        }
    }
}
