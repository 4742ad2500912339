import Engines
import NIOCore
import NIOPosix
import Storage

/// What is known of a store without asking its engine.
struct StorePulse: Sendable {
    var name: String
    var engine: EngineKind
    var writePath: WritePath
    /// Why it does nothing any more, if it has ended.
    var endedBy: String?
    var waitingWrites: Int
    var waitingReads: Int
    var statistics: ObjectStoreStatistics
}

/// Asks the engines for their figures, which touches the disk: one round at a time, and nobody waits for it for long.
/// A disk that does not answer must not keep whoever watches from all the other figures.
final class StoreFigures: @unchecked Sendable {
    // Unchecked: `underWay` is touched on `loop` only.
    private let stores: [StoreRunner]
    private let loop: any EventLoop
    private let patience: TimeAmount
    private var underWay: EventLoopFuture<[EngineStatistics?]>?

    init(of stores: [StoreRunner], loop: any EventLoop, patience: TimeAmount = .seconds(2)) {
        self.stores = stores
        self.loop = loop
        self.patience = patience
    }

    /// In the order of the stores; nil where they do not come in time.
    func read() -> EventLoopFuture<[EngineStatistics?]?> {
        loop.flatSubmit { [self] in
            let promise = loop.makePromise(of: [EngineStatistics?]?.self)
            let timer = loop.scheduleTask(in: patience) { promise.succeed(nil) }
            round().whenComplete { result in
                timer.cancel()
                promise.succeed(try? result.get())
            }
            return promise.futureResult
        }
    }

    private func round() -> EventLoopFuture<[EngineStatistics?]> {
        if let underWay { return underWay }
        let stores = stores
        let round = NIOThreadPool.singleton.runIfActive(eventLoop: loop) { stores.map { $0.engineFigures() } }
        underWay = round
        round.whenComplete { _ in self.underWay = nil }
        return round
    }
}
