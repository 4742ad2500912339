/// Group commit for plain batches: all that wait become one commit, and one sync where one of them asks for it.
public final class GroupCommitter: Sendable {
    public typealias Completion = @Sendable (Result<Void, EngineError>) -> Void

    private struct Job {
        var batch: WriteBatch
        var durability: Durability
        var completion: Completion
    }

    private let thread: WriterThread<Job>

    /// From now on the engine's commits are this object's alone. The bounds are those of ``WriterThread``.
    public init(
        engine: any LocalPersistenceEngine, name: String, capacity: Int = 4096, maximumBytes: Int = 256 << 20,
        maximumGroup: Int = 512, maximumGroupBytes: Int = 32 << 20
    ) {
        thread = WriterThread(
            name: name, capacity: capacity, maximumBytes: maximumBytes, maximumGroup: maximumGroup,
            maximumGroupBytes: maximumGroupBytes
        ) { jobs in Self.commit(jobs, to: engine) }
    }

    /// Adds a batch. `completion` is called on the writer's thread, once, when it is as durable as asked, or failed.
    /// Batches are committed in the order in which they are added.
    public func submit(
        _ batch: WriteBatch, durability: Durability, completion: @escaping Completion
    ) throws(Overloaded) {
        try thread.submit(Job(batch: batch, durability: durability, completion: completion), bytes: batch.byteCount)
    }

    /// Refuses new batches and returns when all others are completed. The engine is left open.
    public func stop() {
        thread.stop()
    }

    private static func commit(_ jobs: [Job], to engine: any LocalPersistenceEngine) {
        guard jobs.count > 1 else { return commitEach(jobs, to: engine) }
        var merged = WriteBatch()
        var durability = Durability.unsynced
        for job in jobs {
            merged.append(contentsOf: job.batch)
            durability = max(durability, job.durability)
        }
        do throws(EngineError) {
            try engine.commit(merged, durability: durability)
            for job in jobs { job.completion(.success(())) }
        } catch {
            switch error.code {
            case .syncFailed, .closed:
                // Of the engine, not of one of the batches.
                for job in jobs { job.completion(.failure(error)) }
            default:
                commitEach(jobs, to: engine)
            }
        }
    }

    private static func commitEach(_ jobs: [Job], to engine: any LocalPersistenceEngine) {
        for job in jobs {
            do throws(EngineError) {
                try engine.commit(job.batch, durability: job.durability)
                job.completion(.success(()))
            } catch {
                job.completion(.failure(error))
            }
        }
    }
}
