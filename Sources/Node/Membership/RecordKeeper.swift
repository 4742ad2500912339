/// Owns the node's record: every change is one durable replacement of the whole, and what depends on it waits for its
/// revision.
struct RecordKeeper {
    private(set) var record: NodeRecord
    /// The highest revision on stable storage.
    private(set) var persisted: UInt64

    init(record: NodeRecord) {
        self.record = record
        persisted = record.revision
    }

    /// Returns the revision to wait for.
    mutating func change(_ queue: inout EffectQueue, _ body: (inout NodeRecord) -> Void) -> UInt64 {
        body(&record)
        record.revision += 1
        queue.emit(.persist(record))
        return record.revision
    }

    mutating func onPersisted(revision: UInt64) {
        persisted = max(persisted, revision)
    }
}
