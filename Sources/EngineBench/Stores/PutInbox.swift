import Engines

/// Where the writer thread leaves the clients whose puts have ended: one wake for a group.
final class PutInbox: @unchecked Sendable {
    // Unchecked: every mutable field is used under `monitor`.
    private let monitor = Monitor()
    private var ended: [Int] = []
    private var failure: EngineError?

    func put(_ clients: some Sequence<Int>, failure: EngineError?) {
        monitor.withLock {
            ended.append(contentsOf: clients)
            if self.failure == nil { self.failure = failure }
            monitor.wakeOne()
        }
    }

    /// Moves the clients whose puts have ended to `taken`. Waits for the first, no longer than until `moment`
    /// (``Monitor/now()``). Fails where one of the puts did.
    func take(until moment: UInt64?, into taken: inout [Int]) throws(EngineError) {
        try monitor.withLock { () throws(EngineError) in
            while ended.isEmpty {
                guard let moment else {
                    monitor.wait()
                    continue
                }
                guard monitor.wait(until: moment) else { break }
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
}
