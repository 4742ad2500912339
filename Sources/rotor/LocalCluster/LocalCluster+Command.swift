import Engines
import NIOConcurrencyHelpers

extension LocalCluster {
    /// Makes a cluster for the time of `body`, which may start its daemons, and leaves none of them behind nor a
    /// temporary folder: however `body` ends, and at Ctrl-C, SIGTERM or a closed terminal.
    ///
    /// - Parameters:
    ///   - kept: A folder to keep configuration, data and logs in; nil for a temporary one.
    ///   - name: What the temporary folder's name begins with.
    ///   - engines: A member each: those of its stores `default` and `large`.
    static func run(
        kept: String?, name: String, engines: [(EngineKind, EngineKind)],
        _ body: (LocalCluster) async throws -> Void
    ) async throws {
        let program = try RunningProgram.path()
        let gate = NIOLock()
        let made = NIOLockedValueBox<(folder: WorkingFolder?, cluster: LocalCluster?)>((nil, nil))
        let signals = try StopSignals {
            // Not opened again: what a signal takes away nobody makes any more, or finds missing.
            gate.lock()
            let (folder, cluster) = made.withLockedValue { $0 }
            cluster?.killAll()
            folder?.removeIfTemporary()
        }
        let result: Result<Void, any Error>
        do {
            let cluster = try gate.withLock {
                let folder = try WorkingFolder(kept: kept, name: name)
                made.withLockedValue { $0.folder = folder }
                let cluster = try LocalCluster(folder: folder.path, engines: engines, program: program)
                made.withLockedValue { $0.cluster = cluster }
                return cluster
            }
            result = .success(try await body(cluster))
        } catch {
            result = .failure(error)
        }
        let (folder, cluster) = made.withLockedValue { $0 }
        if case .failure = result, let cluster {
            gate.withLock { for line in cluster.logTails() { StandardStreams.note(line + "\n") } }
        }
        await cluster?.stopAll()
        gate.withLock { folder?.removeIfTemporary() }
        signals.cancel()
        try result.get()
    }
}
