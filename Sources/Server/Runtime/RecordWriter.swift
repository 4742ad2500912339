import Engines
import NIOConcurrencyHelpers
import Node

/// Makes the node's record durable, on a thread of its own. Records that wait while one is being written are written as
/// one: the newest.
final class RecordWriter: Sendable {
    private let newest = NIOLockedValueBox<NodeRecord?>(nil)
    private let thread: WriterThread<Void>

    /// - Parameter done: Called on the thread: with the revision that is durable, or with what went wrong; then nothing
    ///   more is written.
    init(folder: DataFolder, done: @escaping @Sendable (Result<UInt64, DataFolderError>) -> Void) {
        let newest = newest
        let hasFailed = NIOLockedValueBox(false)
        thread = WriterThread(name: "rotor-record", capacity: 16, maximumGroup: 16) { _ in
            guard !hasFailed.withLockedValue({ $0 }), let record = newest.withLockedValue({ $0.take() }) else { return }
            do throws(DataFolderError) {
                try folder.replaceRecord(record)
                done(.success(record.revision))
            } catch {
                hasFailed.withLockedValue { $0 = true }
                done(.failure(error))
            }
        }
    }

    /// After ``stop()`` nothing is written any more.
    func write(_ record: NodeRecord) {
        let wakes = newest.withLockedValue { newest in
            defer { newest = record }
            return newest == nil
        }
        guard wakes else { return }
        // A job waits for each time that the box was filled, and one takes all: they are never more than a few.
        do throws(Overloaded) {
            try thread.submit(())
        } catch {
            precondition(error.isStopped, "\(error)")
        }
    }

    /// Returns when all is written.
    func stop() {
        thread.stop()
    }
}
