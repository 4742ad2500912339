public import Engines
import NIOConcurrencyHelpers
import NIOCore
public import Node
public import Placement
import Versions

/// A store's objects over any engine: carries out the node's storage operations.
///
/// Reads may come from any thread. ``perform(_:_:)`` is the writer's alone: one call at a time, each a group of
/// operations in their order, every one seeing those before it, and all in one engine transaction with at most one
/// sync.
public final class ObjectStore: @unchecked Sendable {
    // @unchecked: what changes here, but for the locked counters, is touched by the writer only.
    let engine: any LocalPersistenceEngine
    private let onDamage: @Sendable (ObjectKey, _ reason: String) -> Void
    private let counters = NIOLockedValueBox(ObjectStoreStatistics())
    private var births: BirthReservation
    /// Of a store that keeps hints.
    var hints: HintBook?
    /// Of a store of objects.
    let trees: NIOLockedValueBox<TreeBook>?
    let treeSettings: TreeSettings?
    /// Whether the engine may hold commits that were never synced. At an opening it may: a process that was killed
    /// leaves its commits to the page cache, where they look as if they stood.
    private var hasUnsyncedCommits = true
    private var ended: StorageFailure?
    /// The start that uses it.
    var start: StartRecord?

    /// - Parameter onDamage: Called, on the thread that met it, for each record that is not what was written.
    public init(
        engine: any LocalPersistenceEngine, contents: Contents = .objects(nil),
        onDamage: @escaping @Sendable (ObjectKey, _ reason: String) -> Void
    ) throws {
        self.engine = engine
        self.onDamage = onDamage
        switch contents {
        case .objects(let settings):
            trees = settings.map { NIOLockedValueBox(TreeBook($0)) }
            treeSettings = settings
            births = try BirthReservation(engine: engine, isOfHints: false)
        case .hints(let limits):
            trees = nil
            treeSettings = nil
            births = try BirthReservation(engine: engine, isOfHints: true)
            hints = try HintBook(limits, in: engine)
        }
        if let book = self.hints { counters.withLockedValue { ($0.hints, $0.hintBytes) = (book.total, book.bytes) } }
    }

    /// What a store is for.
    public enum Contents: Sendable {
        /// A node's own replicas, with Merkle trees of them where these are said.
        case objects(TreeSettings?)
        /// What it keeps for others.
        case hints(HintLimits)
    }

    public var statistics: ObjectStoreStatistics {
        var statistics = counters.withLockedValue { $0 }
        statistics.treesDue = treesDue
        return statistics
    }

    // MARK: Reading

    /// Answers a ``StorageOperation/read``.
    public func read(_ request: StorageRequest) -> StorageCompletion {
        let recordKey: ByteBuffer
        switch request.place {
        case .hints(let members, let policy): return readHints(request, for: members, policy)
        case .own: recordKey = RecordKey.object(request.key, partition: request.partition)
        case .hint(let member): recordKey = RecordKey.hint(request.key, partition: request.partition, for: member)
        }
        switch load(request.key, recordKey) {
        case .success(let record): return .read(request.token, record?.object)
        case .failure(let failure): return .failed(request.token, failure)
        }
    }

    func load(_ key: ObjectKey, _ recordKey: ByteBuffer) -> Result<Record?, StorageFailure> {
        do {
            var bytes: ByteBuffer?
            try engine.read(recordKey) { value in
                // The engine's memory is valid here only: this is the one copy of a value on its way out.
                bytes = value.map { ByteBuffer(bytes: $0) }
            }
            guard let bytes else { return .success(nil) }
            return .success(try Record(decoding: bytes, under: recordKey))
        } catch let damage as RecordDamaged {
            met(damage, key)
            met(damageOf: recordKey)
            return .failure(.damaged)
        } catch let error as EngineError {
            return .failure(StorageFailure(error))
        } catch {
            return .failure(.failed("\(error)"))
        }
    }

    func countFailedTreePage() {
        counters.withLockedValue { $0.failedTreePages += 1 }
    }

    func met(_ damage: RecordDamaged, _ key: ObjectKey) {
        counters.withLockedValue { $0.damagedRecords += 1 }
        onDamage(key, damage.reason)
    }

    // MARK: Writing

    /// Carries out a group of operations. `complete` is called on this thread: with
    /// ``StorageCompletion/minted(_:_:)`` while the group is being made, with the others once it is as durable as they
    /// ask.
    ///
    /// - Parameters:
    ///   - flush: Called before the disk is waited for, so that what was completed so far can go out: what was minted
    ///     to other replicas, answers that no sync is owed.
    ///   - later: Takes the completions of writes that are to be durable, on the engine's thread, where the engine can
    ///     do that without holding up the next group. Nil: they hold it up.
    public func perform(
        _ requests: [StorageRequest], flush: () -> Void = {},
        later: (@Sendable ([StorageCompletion]) -> Void)? = nil, _ complete: (StorageCompletion) -> Void
    ) {
        var group = WriteGroup()
        for request in requests {
            if case .read = request.operation {
                complete(read(request))
                continue
            }
            do throws(StorageFailure) {
                if let ended { throw ended }
                try add(request, to: &group, complete)
            } catch {
                complete(.failed(request.token, error))
            }
        }
        guard !group.expected.isEmpty else { return }
        flush()
        guard let waiting = commit(group, defers: later != nil && engine.defersDurability, complete) else { return }
        flush()
        makeDurable(waiting, later)
    }

    private func add(
        _ request: StorageRequest, to group: inout WriteGroup, _ complete: (StorageCompletion) -> Void
    ) throws(StorageFailure) {
        let recordKey = try recordKey(of: request)
        let stored = try stored(request.key, recordKey, group)
        switch request.operation {
        case .read: return
        case .mint(let mint, let minter, let durability):
            let actor: Actor
            do throws(StorageFailure) {
                actor = try births.actor(minter, onto: stored, mint.context, engine)
            } catch {
                if case .ended = error { ended = error }
                throw error
            }
            let minted: Minted
            do throws(MintRefusal) {
                minted = try mint.minted(onto: stored?.object, actor: actor)
            } catch {
                switch error {
                case .tooManySiblings(let count, let limit): throw .tooManySiblings(count: count, limit: limit)
                case .conditionFailed(let failure): throw .conditionFailed(failure)
                }
            }
            try put(Record(mark: minted.mark, object: minted.object), over: stored, request, recordKey, &group)
            if minted.truncatedEntries > 0 {
                counters.withLockedValue { $0.truncatedEntries += minted.truncatedEntries }
            }
            group.expect(request.token, durability, minted: true)
            complete(.minted(request.token, minted.object))
        case .merge(let object, let policy, let durability):
            if var record = stored {
                // Nothing new: nothing to write. A sync may still be due for what was written before.
                if record.object.merge(object, policy: policy) {
                    try put(record, over: stored, request, recordKey, &group)
                }
            } else {
                try put(Record(mark: nil, object: object), over: nil, request, recordKey, &group)
            }
            group.expect(request.token, durability, minted: false)
        case .dropHint(let order, let delivered):
            try dropHint(order, delivered, stored, request, recordKey, &group)
            group.expect(request.token, .sometime, minted: false)
        }
    }

    private func put(
        _ record: Record, over stored: Record?, _ request: StorageRequest, _ recordKey: ByteBuffer,
        _ group: inout WriteGroup
    ) throws(StorageFailure) {
        guard case .hint(let member) = request.place else {
            try group.put(record, under: recordKey)
            guard trees != nil else { return }
            group.note(
                TreeChange(
                    recordKey: recordKey, partition: request.partition, type: request.key.type,
                    old: stored?.object.digest, new: record.object.digest))
            return
        }
        try putHint(record, over: stored, for: member, recordKey, &group)
    }

    private func recordKey(of request: StorageRequest) throws(StorageFailure) -> ByteBuffer {
        switch request.place {
        case .own: return RecordKey.object(request.key, partition: request.partition)
        case .hint(let member):
            guard hints != nil else { throw .failed("a hint for a store that keeps none") }
            return RecordKey.hint(request.key, partition: request.partition, for: member)
        case .hints: throw .failed("a write of hints for several holders at once")
        }
    }

    /// The key's record as the group has it so far. A damaged one counts as none: what it held is on other replicas,
    /// and without its mark no actor is continued.
    private func stored(
        _ key: ObjectKey, _ recordKey: ByteBuffer, _ group: WriteGroup
    ) throws(StorageFailure) -> Record? {
        if let pending = group.pending(under: recordKey) { return pending }
        switch load(key, recordKey) {
        case .success(let record): return record
        case .failure(.damaged): return nil
        case .failure(let failure): throw failure
        }
    }

    /// Returns the writes that wait for a sync which is still due; nil where none is.
    private func commit(
        _ group: WriteGroup, defers: Bool, _ complete: (StorageCompletion) -> Void
    ) -> [StorageToken]? {
        var batch = group.batch
        let reservation = births.addReservation(to: &batch)
        // Births are given from a reservation as soon as the commit has returned.
        let syncs = reservation != nil || (group.durability == .beforeAnswer && !defers)
        do throws(EngineError) {
            if !batch.isEmpty {
                try engine.commit(batch, durability: syncs ? .synced : .unsynced)
            } else if syncs, hasUnsyncedCommits {
                try engine.sync()
            }
        } catch {
            fail(group, StorageFailure(error), complete)
            return nil
        }
        if let reservation { births.reserved(reservation) }
        if !group.treeChanges.isEmpty { trees?.withLockedValue { $0.take(group.treeChanges) } }
        hasUnsyncedCommits = syncs ? false : (hasUnsyncedCommits || !batch.isEmpty)
        let kept = hints.map { ($0.total, $0.bytes) }
        counters.withLockedValue {
            if let kept { ($0.hints, $0.hintBytes) = kept }
            $0.groups += 1
            $0.writes += group.expected.count
        }
        let isDurable = !hasUnsyncedCommits
        var waiting: [StorageToken] = []
        for expected in group.expected {
            if isDurable || expected.durability < .beforeAnswer {
                complete(.written(expected.token, durable: isDurable))
            } else {
                waiting.append(expected.token)
            }
        }
        return isDurable || group.durability == .sometime ? nil : waiting
    }

    private func makeDurable(_ waiting: [StorageToken], _ later: (@Sendable ([StorageCompletion]) -> Void)?) {
        guard engine.defersDurability else {
            // Nobody waits: whoever does has made the commit a synced one.
            do throws(EngineError) {
                try engine.sync()
                hasUnsyncedCommits = false
            } catch {
                counters.withLockedValue { $0.failedGroups += 1 }
                births.distrust()
                if case .ended = StorageFailure(error) { ended = StorageFailure(error) }
            }
            return
        }
        engine.whenDurable { [counters] result in
            if case .failure(let error) = result, error.code != .full {
                counters.withLockedValue { $0.failedGroups += 1 }
            }
            guard !waiting.isEmpty else { return }
            later?(
                waiting.map { token in
                    switch result {
                    case .success: .written(token, durable: true)
                    // They stand, and other replicas have them.
                    case .failure(let error) where error.code == .full: .written(token, durable: false)
                    case .failure(let error): .failed(token, StorageFailure(error))
                    }
                })
        }
    }

    /// Why the engine has ended, though no request may have met that yet; from any thread.
    public var engineFailure: String? { engine.failure.map { "\($0)" } }

    private func fail(_ group: WriteGroup, _ failure: StorageFailure, _ complete: (StorageCompletion) -> Void) {
        if group.expected.contains(where: \.minted) { births.distrust() }
        for change in group.hintChanges { hints?.take(change.reversed) }
        if case .ended = failure { ended = failure }
        counters.withLockedValue { $0.failedGroups += 1 }
        for expected in group.expected { complete(.failed(expected.token, failure)) }
    }

    /// Syncs and closes the engine. Called by the writer, after its last group.
    ///
    /// - Returns: Whether the node may start again as the incarnation it is. It may not once a commit has failed after
    ///   its versions were handed out: others may know dots that are not in this store. Nor where the store had ended.
    public func close() throws -> Bool {
        var isSound = !births.isDistrusted && ended == nil
        do throws(EngineError) {
            if isSound { try writeClosed() }
        } catch {
            // A full disk, as a rule: nothing is lost, but the next start cannot know that this is the whole store.
            isSound = false
        }
        try engine.close()
        return isSound
    }
}

/// Figures of one object store since it was opened.
public struct ObjectStoreStatistics: Sendable, Equatable {
    /// Records met that were not what was written.
    public var damagedRecords = 0
    /// Operations written, and the engine transactions they took.
    public var writes = 0
    public var groups = 0
    public var failedGroups = 0
    /// Entries cut off version vectors (Dynamo §4.4).
    public var truncatedEntries = 0
    /// Kept for other nodes, now.
    public var hints = 0
    public var hintBytes = 0
    /// Partitions that have no trees, or trees that may be wrong.
    public var treesDue = 0
    /// Pages of records that could not be read for trees.
    public var failedTreePages = 0

    public init() {}
}

extension StorageFailure {
    init(_ error: EngineError) {
        self =
            switch error.code {
            case .full: .full
            case .syncFailed, .closed: .ended("\(error)")
            case .tooLarge, .locked, .unwritable, .foreign, .damaged, .expired, .failed: .failed("\(error)")
            }
    }
}
