import NIOCore

/// The snapshots of running scans: of every key that changes in what a scan has still before it, the value that was
/// there when it began.
///
/// Berkeley DB has page versions of its own (DB_MULTIVERSION), but release 5.3 does not find those that nobody needs
/// any more: once the cache is full it writes them to `__db.freezer` files one by one, and a put costs ten times as
/// much, as long as versions are kept. Here a put costs one more read while a scan runs, and nothing otherwise.
final class BerkeleySnapshots: @unchecked Sendable {
    // Unchecked: the mutable fields are used under `monitor`.
    private let monitor = Monitor()
    private var running: [BerkeleySnapshot] = []
    private var isWriting = false
    private var waiting = 0
    private let maximumBytes: Int

    /// - Parameter maximumBytes: What one scan may keep of replaced values; one that needs more ends with `expired`.
    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    /// The store as of now, for one scan, until ``end(_:)``. It waits for a batch that is being carried out, not for
    /// its sync: a snapshot lies between two batches.
    func begin(_ range: KeyRange) -> BerkeleySnapshot {
        monitor.withLock {
            if isWriting {
                waiting += 1
                while isWriting { monitor.wait() }
                waiting -= 1
                if waiting == 0 { monitor.wakeAll() }
            }
            let snapshot = BerkeleySnapshot(range, maximumBytes: maximumBytes)
            running.append(snapshot)
            return snapshot
        }
    }

    /// Scans that wait for the end of a batch.
    var waitingScans: Int { monitor.withLock { waiting } }

    func end(_ snapshot: BerkeleySnapshot) {
        monitor.withLock { running.removeAll { $0 === snapshot } }
    }

    /// Before a batch's first change, with ``writeEnds()`` when it is visible or undone: the snapshots that must be
    /// told of what it changes.
    func writeBegins() -> [BerkeleySnapshot] {
        monitor.withLock {
            // Those who waited for the batch before go first, or a busy writer might keep them for ever.
            while waiting > 0 { monitor.wait() }
            isWriting = true
            return running
        }
    }

    func writeEnds() {
        monitor.withLock {
            isWriting = false
            monitor.wakeAll()
        }
    }
}

/// One scan's. The scan takes what lies below a place from it when it has read the store up to there: a change comes
/// here before it is visible in the store, so that what was read and what is taken make up the snapshot.
final class BerkeleySnapshot: @unchecked Sendable {
    // Unchecked: the mutable fields are used under `monitor`; `range` is constant.
    private let monitor = Monitor()
    private let range: KeyRange
    private let maximumBytes: Int
    /// A record's value is the marker and, if there was one, the key's value.
    private var images = RecordMap()
    private var bytes = 0
    private var hasExpired = false
    /// The scan has passed the keys up to this one.
    private var passed: [UInt8]?

    static let absent: UInt8 = 0
    static let present: UInt8 = 1

    fileprivate init(_ range: KeyRange, maximumBytes: Int) {
        self.range = range
        self.maximumBytes = maximumBytes
    }

    /// True where ``keep(_:for:)`` must be called before the key is changed.
    func needs(_ key: UnsafeRawBufferPointer) -> Bool {
        monitor.withLock {
            guard !hasExpired, range.lowerBound.withBytes({ KeyOrder.compare(key, $0) >= 0 }) else { return false }
            if let upperBound = range.upperBound, upperBound.withBytes({ KeyOrder.compare(key, $0) >= 0 }) {
                return false
            }
            return !hasPassed(key) && images[key] == nil
        }
    }

    /// The value that the key has before the change; nil where there is none.
    func keep(_ value: UnsafeRawBufferPointer?, for key: UnsafeRawBufferPointer) {
        var image = ByteBuffer()
        image.reserveCapacity(1 + (value?.count ?? 0))
        image.writeInteger(value == nil ? Self.absent : Self.present)
        if let value { image.writeBytes(value) }
        let record = Record(key: ByteBuffer(bytes: key), value: image)
        monitor.withLock {
            // The scan may have come by since ``needs(_:)``: then it has read the store, which had this value.
            guard !hasExpired, !hasPassed(key) else { return }
            images.put(record)
            bytes += record.key.count + record.value.count
            guard bytes > maximumBytes else { return }
            hasExpired = true
            images = RecordMap()
        }
    }

    private func hasPassed(_ key: UnsafeRawBufferPointer) -> Bool {
        passed?.withUnsafeBytes { KeyOrder.compare(key, $0) <= 0 } ?? false
    }

    /// What to put in place of the entries that were read, up to `last`, or to the end of the range; in order. The scan
    /// has passed them from now on.
    func take(upTo last: UnsafeRawBufferPointer?) throws(EngineError) -> [Record] {
        try monitor.withLock { () throws(EngineError) in
            guard !hasExpired else {
                throw EngineError(
                    .expired, operation: "scan",
                    detail: "more than \(maximumBytes) bytes were replaced before it came to them; scan a smaller range"
                )
            }
            if let last { passed = Array(last) }
            var taken: [Record] = []
            var position = RecordMap.Position(chunk: 0, index: 0)
            while let record = images.record(at: position) {
                if let last, KeyOrder.compare(record.key, last) > 0 { break }
                taken.append(record)
                position = images.position(after: position)
            }
            for record in taken {
                bytes -= record.key.count + record.value.count
                images.remove(record.key)
            }
            return taken
        }
    }
}
