import NIOCore

/// What the buffer holds of a range, at one moment, in the order of the keys: what a scan lays over the engine's.
struct BufferPicture {
    struct Line {
        let key: ByteBuffer
        /// Nil for a deleted key.
        let value: ByteBuffer?
    }

    private(set) var lines: [Line] = []
    /// What the engine has in these is deleted.
    private(set) var deletedRanges: [KeyRange] = []

    /// A generation at one moment.
    struct Layer {
        let table: EntryTable
        let ranges: [KeyRange]

        init(_ generation: BufferGeneration) {
            table = generation.table
            ranges = generation.ranges
        }
    }

    init(newer: Layer, older: Layer?, in range: KeyRange) {
        let new = newer.table.sortedIndices(in: range).map { newer.table.entries[Int($0)] }
        let old = older.map { older in older.table.sortedIndices(in: range).map { older.table.entries[Int($0)] } } ?? []
        lines.reserveCapacity(new.count + old.count)
        var next = 0
        for entry in old {
            while next < new.count, KeyOrder.compare(new[next].key, entry.key) < 0 {
                lines.append(Line(key: new[next].key, value: new[next].value))
                next += 1
            }
            if next < new.count, new[next].key == entry.key { continue }
            let isDeleted = newer.ranges.contains { $0.contains(entry.key) }
            lines.append(Line(key: entry.key, value: isDeleted ? nil : entry.value))
        }
        for entry in new[next...] { lines.append(Line(key: entry.key, value: entry.value)) }
        deletedRanges = newer.ranges + (older?.ranges ?? [])
    }

    func isDeleted(_ key: UnsafeRawBufferPointer) -> Bool {
        deletedRanges.contains { $0.contains(key) }
    }
}

/// A scan of the engine with a picture of the buffer laid over it.
struct OverlaidScan {
    private let picture: BufferPicture
    private var next = 0
    private(set) var hasStopped = false
    /// Whether anything has been given to the scan's body.
    private(set) var hasShown = false

    init(_ picture: BufferPicture) {
        self.picture = picture
    }

    /// For the engine's next entry: first what the buffer has before it, then the entry, unless the buffer hides it.
    mutating func visit(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws -> ScanStep {
        while next < picture.lines.count {
            let order = picture.lines[next].key.withUnsafeReadableBytes { KeyOrder.compare($0, key) }
            if order > 0 { break }
            if try emit(body) == .stop { return .stop }
            if order == 0 { return .proceed }
        }
        guard AppliedRecord.key.withBytes({ KeyOrder.compare($0, key) != 0 }), !picture.isDeleted(key) else {
            return .proceed
        }
        hasShown = true
        if try body(key, value) == .stop { hasStopped = true }
        return hasStopped ? .stop : .proceed
    }

    /// What the buffer has behind the engine's last entry.
    mutating func finish(
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        while !hasStopped, next < picture.lines.count { _ = try emit(body) }
    }

    private mutating func emit(
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws -> ScanStep {
        let line = picture.lines[next]
        next += 1
        guard let value = line.value else { return .proceed }
        hasShown = true
        let step = try line.key.withUnsafeReadableBytes { key in
            try value.withUnsafeReadableBytes { try body(key, $0) }
        }
        if step == .stop { hasStopped = true }
        return step
    }
}
