import NIOCore

/// The object buffer over an engine (Dynamo §6.1), and the log before it where there is one: all of the write path but
/// the thread that empties it.
///
/// Two generations: the active one takes batches, the frozen one is being written to the engine, in one transaction or,
/// behind a log, in several. A reader looks at both and only then at the engine, and nothing leaves a generation before
/// its transaction is visible, so that nothing is ever missed in between.
///
/// Whoever holds it calls ``drainStep()``: a thread of its own, or, one step at a time, a test or a simulation. Then
/// `stepsInline` is set and who would wait for the thread takes the steps himself.
final class ObjectBuffer: @unchecked Sendable {
    // Unchecked: what is not under `monitor` is constant or says whose it is.

    let inner: any LocalPersistenceEngine
    /// Set once, before the first commit.
    private(set) var log: WriteAheadLog?
    let options: WritePathOptions
    let bufferBytes: Int
    let health = EngineHealth()
    /// The log's, in every transaction; nil where there is none.
    let identity: UInt64?

    let monitor = Monitor()
    var state: State
    /// Held during a call that commits to the engine: those come from one thread at a time.
    let engineGate = Monitor()

    /// What is used under `monitor`.
    struct State {
        var active = BufferGeneration()
        var frozen: BufferGeneration?
        /// Of the newest commit in the buffer, and of the newest that is durable in the engine.
        var lastNumber: UInt64
        var drainedNumber: UInt64
        /// Why the last attempt to write the frozen generation failed, where it was for want of space.
        var refusal: EngineError?
        var attemptsBegun: UInt64 = 0
        var attemptsEnded: UInt64 = 0
        var isDrainWanted = false
        var isStopping = false
        var isLogWanted = false
        /// True where no thread empties the buffer (not yet, no longer, or never).
        var stepsInline = true
        var isClosed = false
        var waiters: [Waiter] = []
        var figures = WritePathStatistics()
        var commits = 0
        var syncs = 0

        var isEmpty: Bool { active.isEmpty && frozen == nil }
        var objects: Int { active.objects + (frozen?.objects ?? 0) }
        var bytes: Int { active.bytes + (frozen?.bytes ?? 0) }
    }

    struct Waiter {
        let number: UInt64
        let body: @Sendable (Result<Void, EngineError>) -> Void
    }

    init(
        over inner: any LocalPersistenceEngine, applied: AppliedRecord?, options: WritePathOptions
    ) {
        self.inner = inner
        identity = applied?.identity
        self.options = options
        bufferBytes = options.bufferBytes(for: inner.kind, isLogged: applied != nil)
        state = State(lastNumber: applied?.number ?? 0, drainedNumber: applied?.number ?? 0)
    }

    func attach(_ log: WriteAheadLog) {
        precondition(self.log == nil && identity != nil, "a log for a buffer that has one, or is to have none")
        self.log = log
    }

    // MARK: Reading

    func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        let hash = EntryTable.hash(key)
        let finding = try monitor.withLock { () throws(EngineError) in
            try requireOpen("read")
            return state.active.find(key, hash: hash) ?? state.frozen?.find(key, hash: hash)
        }
        switch finding {
        case .value(let value): try value.withUnsafeReadableBytes { try body($0) }
        case .deleted: try body(nil)
        case nil: if key == AppliedRecord.key { try body(nil) } else { try inner.read(key, body) }
        }
    }

    func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try monitor.withLock { () throws(EngineError) in try requireOpen("scan") }
        if range.isEmpty { return }
        while try !scanOnce(range, body) {}
    }

    /// False where it must begin again: a generation that went to the engine meanwhile took the snapshot's place, and
    /// `body` has seen nothing of it yet.
    private func scanOnce(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws -> Bool {
        let (picture, release) = try beginPicture(range, "scan")
        defer { release() }
        var overlay = OverlaidScan(picture)
        var hasSnapshot = false
        do {
            try inner.scan(range) { key, value in
                if !hasSnapshot {
                    hasSnapshot = true
                    release()
                }
                return try overlay.visit(key, value, body)
            }
        } catch let error as EngineError where error.code == .expired && !overlay.hasShown {
            return false
        }
        release()
        try overlay.finish(body)
        return true
    }

    /// What the buffer has of a range. Until `release` is called, at the latest at the end, what is committed from now
    /// on does not reach the engine: a snapshot of the engine taken before that goes with the picture. (That the
    /// frozen generation may or may not be in it makes no difference, since the picture has it.)
    private func beginPicture(
        _ range: KeyRange, _ operation: StaticString
    ) throws(EngineError) -> (BufferPicture, release: () -> Void) {
        let (active, newer, older) = try monitor.withLock { () throws(EngineError) in
            try requireOpen(operation)
            state.active.startingScans += 1
            return (state.active, BufferPicture.Layer(state.active), state.frozen.map(BufferPicture.Layer.init))
        }
        var isHeld = true
        let release = { [monitor] in
            guard isHeld else { return }
            isHeld = false
            monitor.withLock {
                active.startingScans -= 1
                if active.startingScans == 0 { monitor.wakeAll() }
            }
        }
        return (BufferPicture(newer: newer, older: older, in: range), release)
    }

    /// Entries as ``EngineStatistics/entries`` counts them, the buffer's included. It looks each buffered key up in the
    /// engine, with no drain meanwhile.
    func countEntries() throws -> (entries: Int, inner: EngineStatistics) {
        try engineGate.withLock {
            let statistics = try inner.statistics()
            let (picture, release) = try beginPicture(.all, "statistics")
            defer { release() }
            guard picture.deletedRanges.isEmpty else {
                var count = 0
                try scan(.all) { _, _ in
                    count += 1
                    return .proceed
                }
                return (count, statistics)
            }
            var count = statistics.entries
            try inner.read(AppliedRecord.key) { if $0 != nil { count -= 1 } }
            for line in picture.lines {
                try inner.read(line.key) { bytes in
                    if bytes == nil, line.value != nil { count += 1 }
                    if bytes != nil, line.value == nil { count -= 1 }
                }
            }
            return (count, statistics)
        }
    }

    var buffered: (objects: Int, bytes: Int) { monitor.withLock { (state.objects, state.bytes) } }

    /// Under `monitor`.
    func requireOpen(_ operation: StaticString) throws(EngineError) {
        guard !state.isClosed else {
            throw EngineError(.closed, operation: "\(operation)", detail: "the engine is closed")
        }
    }

    // MARK: Draining

    /// Whether there is something to do for whoever takes the steps. Under `monitor`.
    var hasDrainToDo: Bool {
        guard !state.isEmpty, health.isSound else { return false }
        if state.isDrainWanted { return true }
        guard state.refusal == nil else { return false }
        return state.frozen != nil || isActiveDue || !state.waiters.isEmpty
    }

    /// Whether the active generation is large enough to go to the engine.
    ///
    /// With a log it makes room bit by bit, and a large one meets more keys of each page: less is written. Without one
    /// what is in the buffer is what a crash loses, and the room left is how long a stall of the engine nobody feels
    /// (Dynamo §6.1): while one generation is written the next grows as large as it has to.
    var isActiveDue: Bool {
        let eighths = identity == nil ? 1 : 6
        return state.active.bytes >= bufferBytes / 8 * eighths
            || state.active.objects >= max(options.bufferObjects * eighths / 8, 1)
            || state.active.ranges.count >= Self.mostRanges
    }

    /// Every read that the buffer does not answer looks at them all.
    static let mostRanges = 64

    /// Freezes the active generation, if none is frozen. False where there is nothing to freeze.
    func freeze() -> Bool {
        monitor.withLock {
            if state.frozen == nil, !state.active.isEmpty {
                state.frozen = state.active
                state.active = BufferGeneration()
            }
            return state.frozen != nil
        }
    }

    /// Writes one generation to the engine, frozen before or now. False where there is none, or where the store has
    /// ended. One caller at a time.
    @discardableResult
    func drainStep() -> Bool {
        guard health.isSound, freeze() else {
            monitor.withLock { state.isDrainWanted = false }
            return false
        }
        monitor.lock()
        guard let generation = state.frozen else {
            monitor.unlock()
            return false
        }
        state.isDrainWanted = false
        state.attemptsBegun += 1
        while generation.startingScans > 0 { monitor.wait() }
        monitor.unlock()
        let outcome: Result<Void, EngineError>
        do throws(EngineError) {
            try write(generation)
            outcome = .success(())
        } catch {
            if error.code != .full { condemn(error) }
            outcome = .failure(error)
        }
        let told = monitor.withLock { () -> [Waiter] in
            state.attemptsEnded += 1
            defer { monitor.wakeAll() }
            switch outcome {
            case .success:
                state.frozen = nil
                state.figures.drainedGenerations += 1
                return takeWaiters { $0.number <= generation.lastNumber }
            case .failure(let error):
                state.refusal = error
                return takeWaiters { _ in true }
            }
        }
        for waiter in told { waiter.body(outcome) }
        if case .success = outcome { freeLog(upTo: generation.lastNumber) }
        return true
    }

    /// With a log in several transactions, each of which makes room in the buffer: until the last, which says what is
    /// applied, the log has them all.
    private func write(_ generation: BufferGeneration) throws(EngineError) {
        let most = identity == nil ? Int.max : options.transactionBytes(for: inner.kind)
        let order = generation.table.sortedIndices()
        var next = 0
        // A crash of the machine must not leave a part in the engine whose rest the log has lost.
        try log?.syncFromOutside()
        repeat {
            var batch = WriteBatch()
            let first = next
            let bytes = generation.fill(&batch, with: order, from: &next, upTo: most)
            let isLast = next == order.count
            if isLast, let identity {
                AppliedRecord(number: generation.lastNumber, identity: identity, isRetired: false).put(into: &batch)
            }
            try engineGate.withLock { () throws(EngineError) in
                // Synced, so that the log's segments can be freed: one sync for thousands of objects.
                try inner.commit(batch, durability: isLast ? .synced : .unsynced)
                // Within the gate: whoever writes the number next writes this one.
                if isLast { monitor.withLock { state.drainedNumber = generation.lastNumber } }
            }
            let drained = monitor.withLock {
                state.refusal = nil
                state.figures.drainedObjects += next - first
                state.figures.drainedBytes += bytes
                monitor.wakeAll()
                return generation.drain(order[first..<next])
            }
            withExtendedLifetime(drained) {}
        } while next < order.count
    }

    private func takeWaiters(_ isTold: (Waiter) -> Bool) -> [Waiter] {
        let told = state.waiters.filter(isTold)
        state.waiters.removeAll(where: isTold)
        return told
    }

    private func freeLog(upTo number: UInt64) {
        guard let log else { return }
        do throws(EngineError) { try log.free(upTo: number) } catch { condemn(error) }
    }

    /// Makes the log's next segment ready. A full disk is left for the writer to meet.
    func prepareLog() {
        monitor.withLock { state.isLogWanted = false }
        guard let log, health.isSound else { return }
        do throws(EngineError) {
            try log.prepareNext()
        } catch {
            if error.code != .full { condemn(error) }
        }
    }

    /// The store has ended: its log, or its engine, is no longer what it should be.
    func condemn(_ error: EngineError) {
        var verdict = error
        verdict.code = .syncFailed
        health.condemn(verdict)
        let told = monitor.withLock {
            monitor.wakeAll()
            return takeWaiters { _ in true }
        }
        for waiter in told { waiter.body(.failure(verdict)) }
    }
}
