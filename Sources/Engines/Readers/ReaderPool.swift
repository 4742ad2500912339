/// Something that reads through a snapshot it may keep for the next read.
protocol SnapshotReader: AnyObject {
    /// Gives up the snapshot, if there is one. The next read takes a new one.
    func releaseSnapshot()
    /// Gives up what it has of the engine, which is about to close. It is not used any more, but whoever read with it
    /// last may still hold it for a moment.
    func close()
}

extension SnapshotReader {
    func close() { releaseSnapshot() }
}

/// The readers of one engine: each is lent to one thread at a time.
///
/// A reader keeps its snapshot from one read to the next for as long as nothing was committed, which saves most of a
/// read's cost. No idle reader holds a snapshot older than the last commit: old snapshots keep old pages alive.
///
/// It is also the gate of ``close()``: closing waits for the lent readers, and lends none any more.
final class ReaderPool<Reader: SnapshotReader>: @unchecked Sendable {
    // Unchecked: every mutable field is used under `monitor`, a reader only by whoever it is lent to.

    private struct Slot {
        let reader: Reader
        /// The pool's when its snapshot was taken, or shortly before.
        var generation: UInt64
    }

    private let capacity: Int
    private let make: () throws(EngineError) -> Reader
    private let monitor = Monitor()
    /// Idle, with a snapshot of the present generation.
    private var fresh: [Slot] = []
    /// Idle, without a snapshot.
    private var bare: [Slot] = []
    private var lent = 0
    private var waiting = 0
    /// Goes up when a commit begins and when it ends.
    private var generation: UInt64 = 0
    private var isCommitting = false
    private var isPaused = false
    private var isClosed = false

    /// `make` is called on the reading thread, at most `capacity` times plus once for each time that it failed.
    init(capacity: Int, make: @escaping @Sendable () throws(EngineError) -> Reader) {
        precondition(capacity > 0, "a pool of \(capacity) readers")
        self.capacity = capacity
        self.make = make
        fresh.reserveCapacity(capacity)
        bare.reserveCapacity(capacity)
    }

    /// Lends a reader whose snapshot holds every commit that ended before this call. Where all are lent it waits for
    /// another read to end, never for a commit.
    func withReader(_ operation: StaticString, _ body: (Reader) throws -> Void) throws {
        let slot = try take(operation)
        do {
            try body(slot.reader)
        } catch {
            // Whatever went wrong, the next one begins with a snapshot of its own.
            slot.reader.releaseSnapshot()
            giveBack(slot, hasSnapshot: false)
            throw error
        }
        giveBack(slot, hasSnapshot: true)
    }

    var isOpen: Bool { monitor.withLock { !isClosed } }

    /// Tells that a commit may become visible from now on. Until ``commitEnds()`` every read takes a snapshot of its
    /// own: an older one, kept, could show a state that another read of the same thread has already seen pass.
    func commitBegins() {
        monitor.lock()
        isCommitting = true
        generation += 1
        guard !fresh.isEmpty else { return monitor.unlock() }
        let stale = fresh
        fresh.removeAll(keepingCapacity: true)
        lent += stale.count
        monitor.unlock()
        for slot in stale { slot.reader.releaseSnapshot() }
        monitor.withLock {
            lent -= stale.count
            bare.append(contentsOf: stale)
            if waiting > 0 { monitor.wakeAll() }
        }
    }

    /// Tells that the commit is visible, or was given up.
    func commitEnds() {
        monitor.withLock {
            isCommitting = false
            generation += 1
        }
    }

    /// Runs `body` while no reader is lent and none holds a snapshot; who wants to read meanwhile waits for it.
    func withoutSnapshots<Value>(_ body: () -> Value) -> Value {
        monitor.withLock {
            isPaused = true
            waitForLent()
            for slot in fresh { slot.reader.releaseSnapshot() }
            bare.append(contentsOf: fresh)
            fresh.removeAll(keepingCapacity: true)
            defer {
                isPaused = false
                monitor.wakeAll()
            }
            return body()
        }
    }

    /// Waits for the readers that are lent, then drops them all. Every later call to ``withReader(_:_:)`` fails with
    /// `closed`. A second call does nothing.
    func close() {
        let idle = monitor.withLock {
            isClosed = true
            // Those who wait for a reader must see it too.
            monitor.wakeAll()
            waitForLent()
            defer {
                fresh.removeAll()
                bare.removeAll()
            }
            return fresh + bare
        }
        for slot in idle { slot.reader.close() }
    }

    private func waitForLent() {
        while lent > 0 { waitForChange() }
    }

    private func waitForChange() {
        waiting += 1
        monitor.wait()
        waiting -= 1
    }

    private func take(_ operation: StaticString) throws(EngineError) -> Slot {
        monitor.lock()
        while true {
            if isClosed {
                monitor.unlock()
                throw EngineError(.closed, operation: "\(operation)", detail: "the engine is closed")
            }
            if isPaused {
                waitForChange()
                continue
            }
            if let slot = fresh.popLast() {
                lent += 1
                monitor.unlock()
                return slot
            }
            if var slot = bare.popLast() {
                lent += 1
                slot.generation = generation
                monitor.unlock()
                return slot
            }
            if lent < capacity { break }
            waitForChange()
        }
        lent += 1
        let generation = generation
        monitor.unlock()
        do throws(EngineError) {
            return Slot(reader: try make(), generation: generation)
        } catch {
            monitor.withLock {
                lent -= 1
                if waiting > 0 { monitor.wakeAll() }
            }
            throw error
        }
    }

    private func giveBack(_ slot: Slot, hasSnapshot: Bool) {
        monitor.lock()
        if hasSnapshot && (isCommitting || slot.generation != generation) {
            monitor.unlock()
            slot.reader.releaseSnapshot()
            return giveBack(slot, hasSnapshot: false)
        }
        lent -= 1
        if hasSnapshot { fresh.append(slot) } else { bare.append(slot) }
        // All of them: both close() and other readers wait on the one condition.
        if waiting > 0 { monitor.wakeAll() }
        monitor.unlock()
    }
}
