import NIOCore

/// What was committed and may not be in the engine yet.
///
/// One thread appends and syncs; another may free segments and prepare the next meanwhile. The file that is written has
/// a head record, then a record a commit. It is never written again behind a place that a recovery has read: each
/// opening begins a new one.
final class WriteAheadLog: @unchecked Sendable {
    // Unchecked: what is not under `monitor` belongs to the one thread that appends and syncs.

    struct Figures {
        var segments = 0
        var bytes = 0
        var written = 0
    }

    private let files: any SegmentFiles
    private let identity: UInt64
    private let segmentBytes: Int
    private let maximumBytes: Int

    private var current: LogSegment
    private var offset = 0
    /// Kept from commit to commit.
    private var scratch = ByteBuffer()
    private var lastNumber: UInt64
    private var syncedNumber: UInt64

    private let monitor = Monitor()
    /// Full, with commits that the engine may lack; by generation.
    private var older: [LogSegment] = []
    /// With nothing that the engine lacks.
    private var spares: [LogSegment] = []
    /// The next one: its name is durable.
    private var prepared: LogSegment?
    /// Bytes of the one that a thread is making; 0 for none.
    private var making = 0
    private var currentName = ""
    private var currentBytes: Int
    private var highestGeneration: UInt64
    private var written = 0

    private static let keptScratch = 4 << 20

    /// Begins a new segment after what was found (nothing, for a new log).
    init(
        _ files: any SegmentFiles, identity: UInt64, after found: [LogSegment], lastNumber: UInt64, applied: UInt64,
        options: WritePathOptions
    ) throws(EngineError) {
        self.files = files
        self.identity = identity
        segmentBytes = BlockWriter.wholeBlocks(options.segmentBytes)
        maximumBytes = options.segments * segmentBytes
        self.lastNumber = lastNumber
        syncedNumber = lastNumber
        highestGeneration = found.last?.generation ?? 0
        current = LogSegment(generation: 0, bytes: 0)
        currentBytes = 0
        let (needed, rest) = (found.filter { $0.lastNumber > applied }, found.filter { $0.lastNumber <= applied })
        spares = rest.filter { $0.bytes == segmentBytes }
        older = rest.filter { $0.bytes != segmentBytes } + needed
        do throws(EngineError) {
            try begin(segmentBytes)
        } catch {
            // The first commit meets it again, and is refused; what is stored can be read meanwhile.
            guard error.code == .full else { throw error }
        }
        // Only now: there is no moment without any file, which would be taken for damage.
        if hasBegun { try free(upTo: applied) }
    }

    /// Whether it has a file to write to.
    var hasBegun: Bool { offset > 0 }

    var hasUnsynced: Bool { syncedNumber < lastNumber }

    var figures: Figures {
        monitor.withLock {
            Figures(
                segments: older.count + spares.count + (prepared == nil ? 1 : 2), bytes: total, written: written)
        }
    }

    /// Bytes on disk. Under `monitor`.
    private var total: Int {
        (older + spares).reduce(currentBytes + (prepared?.bytes ?? 0) + making) { $0 + $1.bytes }
    }

    /// Whether a record of so many bytes (``LogRecord/length(of:)``) can be taken within the bound.
    func hasRoom(for length: Int) -> Bool {
        if offset + LogRecord.aligned(length) <= current.bytes { return true }
        let needed = segmentLength(for: length)
        return monitor.withLock {
            if needed == segmentBytes, prepared != nil || !spares.isEmpty { return true }
            return total - spares.reduce(0) { $0 + $1.bytes } + needed <= maximumBytes
        }
    }

    /// Writes a commit; it is durable after ``sync()``. `full`: there is no space, and the commit is not there.
    func append(_ batch: WriteBatch, length: Int, number: UInt64) throws(EngineError) {
        precondition(number == lastNumber + 1, "commit \(number) after \(lastNumber)")
        guard length <= UInt32.max else {
            throw EngineError(.tooLarge, operation: "commit", detail: "a batch of \(length) bytes; at most 4 GiB")
        }
        let aligned = LogRecord.aligned(length)
        if offset + aligned > current.bytes { try begin(segmentLength(for: length)) }
        scratch.clear()
        scratch.reserveCapacity(aligned)
        LogRecord.write(batch, number: number, synced: syncedNumber, seed: seed(current), into: &scratch)
        precondition(scratch.readableBytes == aligned, "a record of \(scratch.readableBytes) bytes, not \(aligned)")
        defer { if scratch.capacity > Self.keptScratch { scratch = ByteBuffer() } }
        try files.write(scratch, to: current.name, at: offset)
        offset += aligned
        lastNumber = number
        current.lastNumber = number
        monitor.withLock { written += aligned }
    }

    /// Makes every commit that was appended durable.
    func sync() throws(EngineError) {
        guard hasUnsynced else { return }
        try files.sync(current.name)
        syncedNumber = lastNumber
    }

    /// The same, from any thread, for what was appended before the call.
    func syncFromOutside() throws(EngineError) {
        // Those before the current one were synced when it was begun.
        let name = monitor.withLock { currentName }
        if !name.isEmpty { try files.sync(name) }
    }

    /// Whether it is time for ``prepareNext()``.
    var wantsNext: Bool { offset > current.bytes / 2 && monitor.withLock { prepared == nil } }

    /// Makes the next segment ready, so that the writer need not wait for that. Nothing to do where one is, or where
    /// the log is at its bound.
    func prepareNext() throws(EngineError) {
        let isWanted = monitor.withLock {
            guard prepared == nil, making == 0 else { return false }
            guard !spares.isEmpty || total + segmentBytes <= maximumBytes else { return false }
            making = segmentBytes
            return true
        }
        if isWanted { _ = try make(segmentBytes) }
    }

    /// Gives back the segments whose commits the engine has, durably: the oldest first, so that those that are left
    /// follow each other.
    func free(upTo applied: UInt64) throws(EngineError) {
        try monitor.withLock { () throws(EngineError) in
            while let segment = older.first, segment.lastNumber <= applied {
                if segment.bytes != segmentBytes { try files.remove(segment.name) }
                older.removeFirst()
                if segment.bytes == segmentBytes { spares.append(segment) }
            }
            while let spare = spares.first, total > maximumBytes {
                try files.remove(spare.name)
                spares.removeFirst()
            }
        }
    }

    /// Removes what the next opening does not need. Everything appended is synced.
    func close() throws(EngineError) {
        try sync()
        try monitor.withLock { () throws(EngineError) in
            for segment in spares + (prepared.map { [$0] } ?? []) { try files.remove(segment.name) }
            spares = []
            prepared = nil
        }
        files.close()
    }

    /// Goes over to a new segment. All of the one before is synced first, so that only the newest can be torn.
    private func begin(_ bytes: Int) throws(EngineError) {
        if offset > 0 { try sync() }
        let ready = monitor.withLock { () -> LogSegment? in
            while making > 0 { monitor.wait() }
            if let prepared, prepared.bytes >= bytes { return prepared }
            // Generations are used in their order: this one will get another.
            if let prepared { spares.append(prepared) }
            prepared = nil
            making = bytes
            return nil
        }
        // If it cannot be begun it is the next one still.
        let segment = if let ready { ready } else { try make(bytes) }
        var head = ByteBuffer()
        LogRecord.write(WriteBatch(), number: lastNumber, synced: lastNumber, seed: seed(segment), into: &head)
        try files.write(head, to: segment.name, at: 0)
        monitor.withLock {
            prepared = nil
            if offset > 0 { older.append(current) }
            currentName = segment.name
            currentBytes = segment.bytes
            written += head.readableBytes
        }
        current = segment
        current.lastNumber = lastNumber
        offset = head.readableBytes
    }

    /// Makes the next one, whose bytes `making` has: of a spare one, under a new name, or a new one. Not under
    /// `monitor`: the disk takes its time.
    private func make(_ bytes: Int) throws(EngineError) -> LogSegment {
        var spare: LogSegment?
        var surplus: [LogSegment] = []
        let segment = monitor.withLock {
            if bytes == segmentBytes, !spares.isEmpty {
                spare = spares.removeFirst()
            } else {
                while !spares.isEmpty, total > maximumBytes { surplus.append(spares.removeFirst()) }
            }
            return LogSegment(generation: highestGeneration + 1, bytes: bytes)
        }
        do throws(EngineError) {
            if let spare {
                try files.rename(spare.name, to: segment.name)
            } else {
                for segment in surplus { try files.remove(segment.name) }
                try files.allocate(segment.name, bytes: bytes)
            }
            try files.syncNames()
        } catch {
            monitor.withLock {
                if let spare { spares.insert(spare, at: 0) }
                making = 0
                monitor.wakeAll()
            }
            throw error
        }
        monitor.withLock {
            highestGeneration = segment.generation
            prepared = segment
            making = 0
            monitor.wakeAll()
        }
        return segment
    }

    /// Of one that takes a record of so many bytes.
    private func segmentLength(for length: Int) -> Int {
        max(segmentBytes, BlockWriter.wholeBlocks(LogRecord.headerLength + LogRecord.aligned(length)))
    }

    private func seed(_ segment: LogSegment) -> LogSeed {
        LogSeed(identity: identity, generation: segment.generation)
    }
}
