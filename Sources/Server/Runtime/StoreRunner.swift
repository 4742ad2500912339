import Engines
import NIOConcurrencyHelpers
import NIOCore
import Node
import Storage
import Synchronization
import Versions

/// One store at work: its object store, the one thread that writes, and the threads that read. Completions go back to
/// the event loop in batches.
///
/// A write waits for no read and a read for no sync. What does not fit into a queue is refused at once: the event loop
/// never waits.
final class StoreRunner: Sendable {
    /// Bounds of what waits for the store.
    struct Limits: Sendable {
        var writes = 16_384
        var reads = 16_384
        /// Of the writes that wait.
        var bytes = 128 << 20
        /// Operations that become one engine transaction, at most.
        var group = 512
        var readers = 4
    }

    let name: String
    let kind: EngineKind
    private let writePath: WritePath
    private let store: ObjectStore
    private let engine: any LocalPersistenceEngine
    private let writer: WriterThread<Writing>
    private let readers: [Reader]
    private let ending: EndOfStore

    /// One reading thread, and how much waits for it or is being read.
    private final class Reader: Sendable {
        let thread: WriterThread<Reading>
        let outstanding: OutstandingReads

        init(
            name: String, store: ObjectStore, limits: Limits, ending: EndOfStore, inbox: LoopInbox<StorageCompletion>,
            writer: WriterThread<Writing>
        ) {
            let outstanding = OutstandingReads()
            self.outstanding = outstanding
            thread = WriterThread(name: name, capacity: limits.reads, maximumGroup: limits.group) { readings in
                var completions: [StorageCompletion] = []
                completions.reserveCapacity(readings.count)
                for reading in readings {
                    switch reading {
                    case .record(let request): completions.append(store.read(request))
                    case .hints(let scan): completions.append(store.scan(scan))
                    case .trees(let request):
                        if let done = Self.look(request, store, writer) { completions.append(done) }
                    }
                    // A client's read may wait behind it, and others wait for its answer.
                    if reading.isInBackground {
                        _ = inbox.put(contentsOf: completions)
                        completions.removeAll(keepingCapacity: true)
                    }
                }
                ending.look(for: completions)
                outstanding.count.subtract(readings.count, ordering: .relaxed)
                _ = inbox.put(contentsOf: completions)
            }
        }

        /// Nil where the writer has to take in what was read.
        private static func look(
            _ request: TreeRequest, _ store: ObjectStore, _ writer: WriterThread<Writing>
        ) -> StorageCompletion? {
            switch request.work {
            case .answer(let question): return .tree(request.token, store.answer(question))
            case .build(let rereading):
                let page: TreePage
                do {
                    guard let read = try store.readTreePage(rereading: rereading) else {
                        return .treesBuilt(request.token, complete: true)
                    }
                    page = read
                } catch {
                    return .failed(request.token, .failed("\(error)"))
                }
                do throws(Overloaded) {
                    try writer.submit(.page(page, request.token))
                    return nil
                } catch {
                    store.abandonTreePage()
                    return .failed(request.token, .overloaded)
                }
            }
        }
    }

    private enum Reading: Sendable {
        case record(StorageRequest)
        case hints(HintScan)
        case trees(TreeRequest)

        /// Nobody waits for it, and it may take long.
        var isInBackground: Bool {
            if case .record = self { false } else { true }
        }
    }

    private enum Writing: Sendable {
        case record(StorageRequest)
        case page(TreePage, StorageToken)

        var request: StorageRequest? {
            if case .record(let request) = self { request } else { nil }
        }
    }

    private final class OutstandingReads: Sendable {
        let count = Atomic<Int>(0)
    }

    /// - Parameters:
    ///   - completions: Where the results go.
    ///   - onEnd: Called once, on a thread of the store, when it has ended and does nothing any more.
    init(
        name: String, store: ObjectStore, engine: any LocalPersistenceEngine, writePath: WritePath, limits: Limits,
        completions inbox: LoopInbox<StorageCompletion>, onEnd: @escaping @Sendable (_ reason: String) -> Void
    ) {
        self.name = name
        self.store = store
        self.engine = engine
        kind = engine.kind
        self.writePath = writePath
        let ending = EndOfStore(onEnd)
        self.ending = ending
        writer = WriterThread(
            name: "rotor-w-\(name)", capacity: limits.writes, maximumBytes: limits.bytes, maximumGroup: limits.group,
            gathers: true
        ) { writings in
            var completions: [StorageCompletion] = []
            completions.reserveCapacity(writings.count)
            let requests = writings.compactMap(\.request)
            // What was minted goes to the other replicas while this store syncs.
            let flush = {
                _ = inbox.put(contentsOf: completions)
                completions.removeAll(keepingCapacity: true)
            }
            let later = { @Sendable (completions: [StorageCompletion]) in
                ending.look(for: completions)
                _ = inbox.put(contentsOf: completions)
            }
            store.perform(requests, flush: flush, later: later) { completions.append($0) }
            for case .page(let page, let token) in writings {
                completions.append(.treesBuilt(token, complete: store.take(page)))
            }
            ending.look(for: completions)
            _ = inbox.put(contentsOf: completions)
        }
        let writer = self.writer
        readers = (0..<max(1, limits.readers)).map { number in
            Reader(
                name: "rotor-r\(number)-\(name)", store: store, limits: limits, ending: ending, inbox: inbox,
                writer: writer)
        }
    }

    /// False where the queue is full: the request is not taken.
    func submit(_ request: StorageRequest) -> Bool {
        do throws(Overloaded) {
            switch request.operation {
            case .read: try submit(.record(request))
            case .mint(let mint, _, _): try writer.submit(.record(request), bytes: mint.content.byteCount)
            case .merge(let object, _, _):
                try writer.submit(.record(request), bytes: object.siblings.reduce(0) { $0 + $1.content.byteCount })
            case .dropHint: try writer.submit(.record(request))
            }
            return true
        } catch {
            return false
        }
    }

    /// False where the queue is full.
    func submit(_ scan: HintScan) -> Bool { takes(.hints(scan)) }

    /// False where the queue is full.
    func submit(_ request: TreeRequest) -> Bool { takes(.trees(request)) }

    private func takes(_ reading: Reading) -> Bool {
        do throws(Overloaded) {
            try submit(reading)
            return true
        } catch {
            return false
        }
    }

    /// The first reader that is not far behind: batches stay large as long as one keeps up, and more work where the
    /// disk is what is slow. What nobody waits for goes to the last one.
    private func submit(_ reading: Reading) throws(Overloaded) {
        let foreground = readers.count > 1 ? readers.dropLast() : readers[...]
        let free = foreground.first { $0.outstanding.count.load(ordering: .relaxed) < 16 } ?? foreground.randomElement()
        let reader = reading.isInBackground ? readers.last : free
        guard let reader else { preconditionFailure("store \(name) has no reader") }
        try reader.thread.submit(reading)
        reader.outstanding.count.add(1, ordering: .relaxed)
    }

    /// Notices an end that no completion tells of. From any thread.
    func lookForEnd() {
        if let failure = store.engineFailure { ending.found(failure) }
    }

    /// Ends the threads when all that was taken is done, and closes the store. Blocks.
    ///
    /// - Returns: Whether the node may start again as the incarnation it is (``ObjectStore/close()``).
    func close() throws -> Bool {
        for reader in readers { reader.thread.stop() }
        writer.stop()
        return try store.close()
    }

    /// Entries cut off version vectors since the start (Dynamo §4.4).
    var truncatedEntries: Int { store.statistics.truncatedEntries }

    /// What is known without asking the engine, whose disk may not answer.
    var pulse: StorePulse {
        StorePulse(
            name: name, engine: kind, writePath: writePath, endedBy: ending.reason, waitingWrites: writer.waiting,
            waitingReads: readers.reduce(0) { $0 + $1.thread.waiting }, statistics: store.statistics)
    }

    /// Nil where the engine cannot tell. Blocks as long as it takes to count.
    func engineFigures() -> EngineStatistics? { try? engine.statistics() }

    /// Blocks as long as the engine takes to count.
    func status() -> NodeStatus.Store {
        let figures = store.statistics
        var status = NodeStatus.Store(
            name: name, engine: kind.rawValue, writePath: writePath.rawValue, entries: 0, diskBytes: 0, commits: 0,
            syncs: 0, writes: figures.writes,
            damagedRecords: figures.damagedRecords, failedGroups: figures.failedGroups,
            waitingWrites: writer.waiting, waitingReads: readers.reduce(0) { $0 + $1.thread.waiting },
            bufferedObjects: 0, bufferedBytes: 0, logBytes: 0, failure: ending.reason)
        do throws(EngineError) {
            let engine = try engine.statistics()
            status.entries = engine.entries
            status.diskBytes = engine.diskBytes
            status.commits = engine.commits
            status.syncs = engine.syncs
            if let path = engine.writePath {
                status.bufferedObjects = path.bufferedObjects
                status.bufferedBytes = path.bufferedBytes
                status.logBytes = path.logBytes
            }
        } catch {
            status.failure = status.failure ?? "\(error)"
        }
        return status
    }
}

/// Notices a store's end among what it completes, and tells of it once.
private final class EndOfStore: Sendable {
    private let reasonFound = NIOLockedValueBox<String?>(nil)
    private let tell: @Sendable (String) -> Void

    init(_ tell: @escaping @Sendable (String) -> Void) {
        self.tell = tell
    }

    var reason: String? { reasonFound.withLockedValue { $0 } }

    func look(for completions: [StorageCompletion]) {
        for completion in completions {
            guard case .failed(_, .ended(let why)) = completion else { continue }
            return found(why)
        }
    }

    func found(_ why: String) {
        let isFirst = reasonFound.withLockedValue { found in
            defer { found = found ?? why }
            return found == nil
        }
        if isFirst { tell(why) }
    }
}

extension Content {
    var byteCount: Int { metadata.readableBytes + value.readableBytes }
}
