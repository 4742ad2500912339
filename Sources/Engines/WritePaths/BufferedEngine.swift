public import NIOCore

/// Any engine behind an object buffer, and behind a write-ahead log where it is given one: the buffered and the logged
/// write path (Dynamo §6.1).
///
/// - A commit is in memory when it returns, and is found there by reads and scans, until many of them reach the engine
///   together, sorted by key: in one transaction, with a log in several. With a log it is written there first, and
///   synced where it is to be durable: one write and one sync a commit.
/// - Without a log a crash loses at most what the buffer held (``WritePathStatistics``), in commit order: what is left
///   is what all commits up to some one left, or less of the newest deletes of a full store. A `.synced` commit, and
///   ``sync()``, empty the buffer first. ``whenDurable(_:)`` does not wait.
/// - An engine without space makes the store refuse commits with `full` until it has space again. It goes on serving
///   what it has, and takes batches that only delete.
/// - A point read waits while a batch is put into the buffer, in memory. A commit waits where the buffer is full.
/// - One key is the log's own and cannot be used: 0xFFFFFFFF and a text.
public final class BufferedEngine: LocalPersistenceEngine, @unchecked Sendable {
    // Unchecked: `thread` and `isClosed` belong to the one thread that commits, syncs and closes.

    private let buffer: ObjectBuffer
    private var thread: DrainThread?
    private var isClosed = false

    public var kind: EngineKind { buffer.inner.kind }

    /// Without a log. Takes the engine over: it is closed with ``close()``.
    public convenience init(over inner: any LocalPersistenceEngine, options: WritePathOptions = WritePathOptions()) {
        self.init(ObjectBuffer(over: inner, applied: nil, options: options), stepsInline: false)
    }

    /// Without a log, and without a thread where `stepsInline` is set: then ``drainStep()`` empties it, and a call that
    /// would wait for the thread takes the steps itself.
    package convenience init(
        over inner: any LocalPersistenceEngine, options: WritePathOptions, stepsInline: Bool
    ) {
        self.init(ObjectBuffer(over: inner, applied: nil, options: options), stepsInline: stepsInline)
    }

    /// Behind a log, which is made where the engine has had none: `identity` is then its name for ever, and must be
    /// what nobody can guess. What the log holds and the engine lacks is in the buffer or the engine afterwards.
    ///
    /// Errors: `damaged`, `foreign` (a newer version's), `full`, `syncFailed`, and what the files' calls say.
    package convenience init(
        over inner: any LocalPersistenceEngine, log files: any SegmentFiles, options: WritePathOptions,
        stepsInline: Bool = false, identity: UInt64
    ) throws(EngineError) {
        let buffer: ObjectBuffer
        if let applied = try AppliedRecord(in: inner), !applied.isRetired {
            buffer = try Self.recover(files, applied, inner, options)
        } else {
            buffer = try Self.makeLog(files, inner, options, identity: identity)
        }
        self.init(buffer, stepsInline: stepsInline)
    }

    private init(_ buffer: ObjectBuffer, stepsInline: Bool) {
        self.buffer = buffer
        thread = stepsInline ? nil : DrainThread(buffer)
    }

    deinit {
        // Without close(): what is buffered is lost, or in the log.
        thread?.stop()
    }

    public func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try buffer.read(key, body)
    }

    public func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try buffer.scan(range, body)
    }

    public func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        try buffer.commit(batch, durability: durability)
    }

    public func sync() throws(EngineError) {
        try buffer.sync()
    }

    public var failure: EngineError? { buffer.health.failure ?? buffer.inner.failure }

    public var defersDurability: Bool { buffer.log == nil }

    public func whenDurable(_ body: @escaping @Sendable (Result<Void, EngineError>) -> Void) {
        buffer.whenDurable(body)
    }

    /// Looks every buffered key up in the engine, and waits for a generation that is being written.
    public func statistics() throws(EngineError) -> EngineStatistics {
        try buffer.statistics()
    }

    /// Writes what is buffered to the engine, and leaves nothing in the log. If the engine has no space for it, it
    /// stays in the log, or is lost without one: then the error is `full`.
    public func close() throws(EngineError) {
        guard !isClosed else { return }
        isClosed = true
        thread?.stop()
        thread = nil
        try buffer.close()
    }

    // MARK: Steps

    /// Writes one generation to the engine. False where nothing is buffered.
    @discardableResult
    package func drainStep() -> Bool {
        buffer.drainStep()
    }

    /// Ends the active generation, so that what is committed from now on is in another.
    package func freeze() {
        _ = buffer.freeze()
    }

    /// Objects in the buffer, and their bytes.
    package var bufferedFigures: (objects: Int, bytes: Int) { buffer.buffered }

    // MARK: Logs

    private static func makeLog(
        _ files: any SegmentFiles, _ inner: any LocalPersistenceEngine, _ options: WritePathOptions, identity: UInt64
    ) throws(EngineError) -> ObjectBuffer {
        var applied = AppliedRecord(number: 0, identity: identity, isRetired: true)
        if try AppliedRecord(in: inner) == nil { try requireNone(files) }
        try put(applied, into: inner)
        if files.exists() { try files.removeAll() }
        try files.create()
        let log = try WriteAheadLog(
            files, identity: identity, after: [], lastNumber: 0, applied: 0, options: options)
        guard log.hasBegun else {
            throw EngineError(
                .full, operation: "make the log", detail: "no space for its first file; free some or move the store")
        }
        // From now on a log that is gone is damage.
        applied.isRetired = false
        try put(applied, into: inner)
        let buffer = ObjectBuffer(over: inner, applied: applied, options: options)
        buffer.attach(log)
        return buffer
    }

    private static func recover(
        _ files: any SegmentFiles, _ applied: AppliedRecord, _ inner: any LocalPersistenceEngine,
        _ options: WritePathOptions
    ) throws(EngineError) -> ObjectBuffer {
        let (buffer, recovery) = try replay(files, applied, inner, options)
        buffer.attach(
            try WriteAheadLog(
                files, identity: applied.identity, after: recovery.segments, lastNumber: recovery.lastNumber,
                applied: buffer.monitor.withLock { buffer.state.drainedNumber }, options: options))
        return buffer
    }

    private static func replay(
        _ files: any SegmentFiles, _ applied: AppliedRecord, _ inner: any LocalPersistenceEngine,
        _ options: WritePathOptions
    ) throws(EngineError) -> (ObjectBuffer, LogRecovery) {
        guard files.exists() else { throw LogRecovery.damaged("its folder is missing, though the engine counts on it") }
        let buffer = ObjectBuffer(over: inner, applied: applied, options: options)
        var recovery = try LogRecovery(files, applied)
        try recovery.replay { batch, number throws(EngineError) in try buffer.replay(batch, number: number) }
        return (buffer, recovery)
    }

    /// Brings what a log holds into the engine and removes the log, for a write path that has none. Nothing to do for
    /// an engine without a log.
    package static func giveUpLog(
        _ files: any SegmentFiles, of inner: any LocalPersistenceEngine, _ options: WritePathOptions
    ) throws(EngineError) {
        guard var applied = try AppliedRecord(in: inner) else { return try requireNone(files) }
        if !applied.isRetired {
            let (buffer, recovery) = try replay(files, applied, inner, options)
            try buffer.drainAll()
            // At every moment a crash leaves either the log and who counts on it, or neither.
            applied = AppliedRecord(number: recovery.lastNumber, identity: applied.identity, isRetired: true)
            try put(applied, into: inner)
        }
        if files.exists() { try files.removeAll() }
        var batch = WriteBatch()
        batch.delete(AppliedRecord.key)
        try inner.commit(batch, durability: .synced)
    }

    private static func requireNone(_ files: any SegmentFiles) throws(EngineError) {
        guard !files.exists() else {
            throw LogRecovery.damaged("there is one, though the engine knows of none")
        }
    }

    private static func put(_ applied: AppliedRecord, into inner: any LocalPersistenceEngine) throws(EngineError) {
        var batch = WriteBatch()
        applied.put(into: &batch)
        try inner.commit(batch, durability: .synced)
    }
}
