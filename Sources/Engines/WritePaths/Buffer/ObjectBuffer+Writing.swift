import NIOCore

/// The writer's side: one thread at a time.
extension ObjectBuffer {
    func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        try monitor.withLock { () throws(EngineError) in try requireOpen("commit") }
        try batch.checkLimits()
        try batch.checkReserved()
        try health.requireSound("commit")
        if batch.isEmpty {
            if durability == .synced { try sync() }
            monitor.withLock { state.commits += 1 }
            return
        }
        if log == nil, durability == .synced { return try writeThrough(batch) }
        let isRelief = try makeRoom(for: batch)
        let number = monitor.withLock { state.lastNumber + 1 }
        if log != nil { try append(batch, number: number, isSynced: durability == .synced || isRelief) }
        apply(batch, number: number, isSynced: log != nil && durability == .synced)
        if isRelief { try relieve(batch) }
    }

    func sync() throws(EngineError) {
        try monitor.withLock { () throws(EngineError) in try requireOpen("sync") }
        try health.requireSound("sync")
        if log == nil { try drainAll() } else { try syncLog() }
        monitor.withLock { state.syncs += 1 }
    }

    /// See ``LocalPersistenceEngine/whenDurable(_:)``.
    func whenDurable(_ body: @escaping @Sendable (Result<Void, EngineError>) -> Void) {
        do throws(EngineError) {
            try monitor.withLock { () throws(EngineError) in try requireOpen("wait for a sync") }
            try health.requireSound("wait for a sync")
            if log != nil { try syncLog() }
        } catch {
            return body(.failure(error))
        }
        let isDurable = monitor.withLock {
            if log != nil || state.isEmpty { return true }
            state.waiters.append(Waiter(number: state.lastNumber, body: body))
            if state.refusal != nil { state.isDrainWanted = true }
            monitor.wakeAll()
            return false
        }
        if isDurable { body(.success(())) }
    }

    /// Waits until the engine has everything, durably. `full`: it has no space for it.
    func drainAll() throws(EngineError) {
        while monitor.withLock({ !state.isEmpty }) {
            if let refusal = try attempt() { throw refusal }
        }
    }

    /// A commit that a log was found to hold. What the engine has no space for stays in the buffer, beyond its bound.
    func replay(_ batch: WriteBatch, number: UInt64) throws(EngineError) {
        monitor.withLock {
            state.active.apply(batch, number: number)
            state.lastNumber = number
        }
        if monitor.withLock({ isActiveDue && state.refusal == nil }) { drainStep() }
        try health.requireSound("open the log")
    }

    // MARK: Inside

    /// With a log nothing is given up on: what the engine has no space for stays there.
    private func append(_ batch: WriteBatch, number: UInt64, isSynced: Bool) throws(EngineError) {
        guard let log else { return }
        let length = LogRecord.length(of: batch)
        do throws(EngineError) {
            do throws(EngineError) {
                try log.append(batch, length: length, number: number)
            } catch {
                guard error.code == .full, monitor.withLock({ !state.isEmpty }) else { throw error }
                // What the engine has frees segments.
                try drainAll()
                try log.append(batch, length: length, number: number)
            }
            if isSynced { try log.sync() }
        } catch {
            if error.code != .full, error.code != .tooLarge { condemn(error) }
            throw error
        }
        if log.wantsNext { wantNextSegment() }
    }

    private func syncLog() throws(EngineError) {
        do throws(EngineError) {
            try log?.sync()
        } catch {
            condemn(error)
            throw error
        }
    }

    private func wantNextSegment() {
        monitor.withLock {
            guard !state.stepsInline, !state.isLogWanted else { return }
            state.isLogWanted = true
            monitor.wakeAll()
        }
    }

    private func apply(_ batch: WriteBatch, number: UInt64, isSynced: Bool) {
        monitor.withLock {
            let wasDue = isActiveDue
            let wasEmpty = state.active.isEmpty
            state.active.apply(batch, number: number)
            state.lastNumber = number
            state.commits += 1
            if isSynced { state.syncs += 1 }
            if wasEmpty || (!wasDue && isActiveDue) { monitor.wakeAll() }
        }
    }

    /// Without a log a commit that must be durable goes to the engine itself, after what is buffered: then nothing of
    /// it is visible where that fails.
    private func writeThrough(_ batch: WriteBatch) throws(EngineError) {
        do throws(EngineError) {
            try drainAll()
        } catch {
            guard error.code == .full, batch.onlyDeletes else { throw error }
            apply(batch, number: monitor.withLock { state.lastNumber + 1 }, isSynced: false)
            try relieve(batch)
            return try drainAll()
        }
        do throws(EngineError) {
            try engineGate.withLock { () throws(EngineError) in try inner.commit(batch, durability: .synced) }
        } catch {
            if error.code == .syncFailed { condemn(error) }
            throw error
        }
        monitor.withLock {
            state.commits += 1
            state.syncs += 1
        }
    }

    /// Waits until the buffer and the log have room for the batch. True where the engine is full and the batch can only
    /// make room in it.
    private func makeRoom(for batch: WriteBatch) throws(EngineError) -> Bool {
        let cost = batch.bufferedCost
        let count = batch.operations.count
        let length = log == nil ? 0 : LogRecord.length(of: batch)
        while true {
            let (hadRoom, isFull, isEmpty) = monitor.withLock {
                (hasRoom(cost, objects: count), state.refusal != nil, state.isEmpty)
            }
            let fits = hadRoom && (isEmpty || log?.hasRoom(for: length) ?? true)
            if fits, !isFull { return false }
            // The log has room when the generation is all in the engine, the buffer perhaps before that.
            if let refusal = try attempt(orUntil: { !hadRoom && hasRoom(cost, objects: count) }) {
                let isWithinTwice = monitor.withLock {
                    state.bytes + cost <= 2 * bufferBytes
                        && state.objects + batch.operations.count <= 2 * options.bufferObjects
                }
                guard batch.onlyDeletes, isWithinTwice else { throw refusal }
                return true
            }
        }
    }

    /// Under `monitor`.
    private func hasRoom(_ cost: Int, objects: Int) -> Bool {
        state.isEmpty
            || (state.bytes + cost <= bufferBytes && state.objects + objects <= options.bufferObjects
                && state.active.ranges.count < 4 * Self.mostRanges)
    }

    /// Sees to it that the engine gets the frozen generation, or the active one where none is frozen, and waits for
    /// that, or for what `isEnough` says under `monitor`. Gives back the error where it has no space for it.
    private func attempt(orUntil isEnough: () -> Bool = { false }) throws(EngineError) -> EngineError? {
        monitor.lock()
        // After a refusal one that was begun before this call may not have seen space that has come since.
        let wanted = state.refusal == nil ? state.attemptsEnded + 1 : state.attemptsBegun + 1
        state.isDrainWanted = true
        if state.stepsInline {
            monitor.unlock()
            drainStep()
            monitor.lock()
        } else {
            monitor.wakeAll()
            while state.attemptsEnded < wanted, !state.isEmpty, health.isSound, !isEnough() { monitor.wait() }
        }
        let refusal = state.refusal
        monitor.unlock()
        try health.requireSound("commit")
        guard var refusal else { return nil }
        refusal.operation = "commit"
        return refusal
    }

    /// Deletes at once in an engine that has no space, before what was committed earlier and waits for space: the log
    /// has both, so that after a crash they come in their order. If it cannot even do that, they wait with the rest.
    private func relieve(_ batch: WriteBatch) throws(EngineError) {
        var deletes = WriteBatch()
        for operation in batch.operations {
            switch operation {
            case .put: continue
            case .delete(let key): deletes.delete(key)
            case .deleteRange(let range): deletes.deleteRange(sparing: AppliedRecord.key, range)
            }
        }
        do throws(EngineError) {
            try engineGate.withLock { () throws(EngineError) in
                try inner.commit(deletes, durability: .synced)
                // What a transaction of LMDB frees serves again from the next but one on.
                try inner.commit(turn(), durability: .synced)
            }
        } catch {
            guard error.code == .full else {
                condemn(error)
                throw error
            }
        }
        _ = try attempt()
    }
}

extension ObjectBuffer {
    /// A transaction that writes something and changes nothing.
    private func turn() -> WriteBatch {
        var batch = WriteBatch()
        if let identity {
            let number = monitor.withLock { state.drainedNumber }
            AppliedRecord(number: number, identity: identity, isRetired: false).put(into: &batch)
        } else {
            batch.put(ByteBuffer(), for: AppliedRecord.key)
            batch.delete(AppliedRecord.key)
        }
        return batch
    }
}

extension WriteBatch {
    func checkReserved() throws(EngineError) {
        let isReserved = operations.contains { operation in
            switch operation {
            case .put(let key, _), .delete(let key): key == AppliedRecord.key
            case .deleteRange: false
            }
        }
        guard !isReserved else {
            throw EngineError(
                .failed, operation: "commit",
                detail: "the key \"\(String(buffer: AppliedRecord.key))\" is the log's own; use another")
        }
    }
}

extension ObjectBuffer {
    func statistics() throws(EngineError) -> EngineStatistics {
        let entries: Int
        let inner: EngineStatistics
        do {
            (entries, inner) = try countEntries()
        } catch let error as EngineError {
            throw error
        } catch {
            preconditionFailure("statistics: \(error)")
        }
        let logFigures = log?.figures ?? WriteAheadLog.Figures()
        return monitor.withLock {
            var figures = state.figures
            figures.bufferedObjects = state.objects
            figures.bufferedBytes = state.bytes
            figures.isFull = state.refusal != nil
            figures.logSegments = logFigures.segments
            figures.logBytes = logFigures.bytes
            figures.loggedBytes = logFigures.written
            var statistics = EngineStatistics(
                entries: entries, diskBytes: inner.diskBytes + logFigures.bytes, commits: state.commits,
                syncs: state.syncs)
            statistics.writePath = figures
            return statistics
        }
    }

    /// Nobody empties the buffer any more but this call.
    func close() throws(EngineError) {
        var first: EngineError?
        do throws(EngineError) {
            try health.requireSound("close")
            do throws(EngineError) {
                try drainAll()
            } catch {
                guard error.code == .full, log != nil else { throw error }
            }
            try log?.close()
        } catch {
            first = error
        }
        let told = monitor.withLock {
            state.isClosed = true
            defer { state.waiters = [] }
            return state.waiters
        }
        let lost = EngineError(.closed, operation: "wait for a sync", detail: "the engine was closed")
        for waiter in told { waiter.body(.failure(first ?? lost)) }
        do throws(EngineError) { try inner.close() } catch { first = first ?? error }
        if let first { throw first }
    }
}
