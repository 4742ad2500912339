import NIOCore

/// Reads a log that was left behind, from the number that the engine has applied on.
///
/// The log ends with the first record that cannot be read. If some later one says that this one was synced, it was not
/// torn when the power went, it is damaged: then nothing is opened. If none does, it was never acknowledged as durable,
/// and what stands behind it is wiped out, so that it can never be taken for what follows.
struct LogRecovery {
    /// The number of the newest commit that the engine or the log has.
    private(set) var lastNumber: UInt64
    /// All there are, by generation. The `lastNumber` of one that needed no reading is that of the engine.
    private(set) var segments: [LogSegment]

    private let files: any SegmentFiles
    private let identity: UInt64

    init(_ files: any SegmentFiles, _ applied: AppliedRecord) throws(EngineError) {
        self.files = files
        identity = applied.identity
        lastNumber = applied.number
        segments = try files.list().compactMap { LogSegment(name: $0.name, bytes: $0.bytes) }
        segments.sort { $0.generation < $1.generation }
        guard !segments.isEmpty else {
            throw Self.damaged("it has no files, though the engine counts on it")
        }
    }

    /// Hands over each commit that the engine lacks, in order. At the end all of them are synced in the log.
    mutating func replay(_ body: (WriteBatch, UInt64) throws(EngineError) -> Void) throws(EngineError) {
        let applied = lastNumber
        for index in segments.indices {
            if try !isApplied(index, applied) {
                // A process that was killed leaves its records to the page cache: none of them is to be in the engine
                // and then not here.
                try files.sync(segments[index].name)
                try walk(segments[index], body)
            }
            segments[index].lastNumber = lastNumber
        }
    }

    /// Whether the next segment begins so early that the engine has all that is in this one.
    private func isApplied(_ index: Int, _ applied: UInt64) throws(EngineError) -> Bool {
        guard index + 1 < segments.count else { return false }
        let next = segments[index + 1]
        let head = try files.read(next.name, bytes: LogRecord.headerLength)
        guard let first = LogRecord.read(head, at: 0, seed: seed(next)) else { return false }
        return first.operations.isEmpty && first.number <= applied
    }

    private mutating func walk(
        _ segment: LogSegment, _ body: (WriteBatch, UInt64) throws(EngineError) -> Void
    ) throws(EngineError) {
        let bytes = try files.read(segment.name, bytes: segment.bytes)
        var offset = 0
        while true {
            guard let record = LogRecord.read(bytes, at: offset, seed: seed(segment)) else {
                guard let next = try readableRecord(segment, bytes, after: offset) else { return }
                offset = next
                continue
            }
            try take(record, segment, bytes, body)
            offset = record.end
        }
    }

    private mutating func take(
        _ record: LogRecord, _ segment: LogSegment, _ bytes: ByteBuffer,
        _ body: (WriteBatch, UInt64) throws(EngineError) -> Void
    ) throws(EngineError) {
        let isHead = record.operations.isEmpty
        guard record.number <= lastNumber || (record.number == lastNumber + 1 && !isHead) else {
            throw Self.damaged("commit \(lastNumber + 1) is missing, though \(segment.name) has \(record.number)")
        }
        guard record.number > lastNumber else { return }
        guard let batch = record.batch(in: bytes) else {
            throw Self.damaged("commit \(record.number) in \(segment.name) has a right checksum and cannot be read")
        }
        try body(batch, record.number)
        lastNumber = record.number
    }

    /// Where to go on behind a record that cannot be read; nil where the segment ends with it.
    private func readableRecord(
        _ segment: LogSegment, _ bytes: ByteBuffer, after bad: Int
    ) throws(EngineError) -> Int? {
        let seed = seed(segment)
        var offset = bad + LogRecord.alignment
        var isFollowed = false
        while offset + LogRecord.headerLength <= bytes.readableBytes {
            guard let record = LogRecord.read(bytes, at: offset, seed: seed) else {
                offset = LogRecord.mark(in: bytes, after: offset)
                continue
            }
            // The engine has what cannot be read.
            if record.number <= lastNumber + 1, !isFollowed { return offset }
            guard record.synced <= lastNumber else {
                throw Self.damaged(
                    "commit \(lastNumber + 1) cannot be read at \(bad) of \(segment.name), though commit"
                        + " \(record.number) says that all up to \(record.synced) were synced")
            }
            isFollowed = true
            offset = record.end
        }
        if isFollowed {
            try files.write(ByteBuffer(repeating: 0, count: bytes.readableBytes - bad), to: segment.name, at: bad)
            try files.sync(segment.name)
        }
        return nil
    }

    private func seed(_ segment: LogSegment) -> LogSeed {
        LogSeed(identity: identity, generation: segment.generation)
    }

    static func damaged(_ what: String) -> EngineError {
        EngineError(
            .damaged, operation: "open the log",
            detail: "\(what); restore the store, or remove it so that other replicas fill it again")
    }
}
