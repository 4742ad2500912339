import Engines
import Foundation
import NIOCore
import Testing

@Suite("Group commit")
struct GroupCommitterTests {
    @Test("all waiting batches share one commit, at the strongest durability asked, in their order")
    func oneCommit() throws {
        let engine = RecordingEngine()
        let outcomes = Log<String>()
        let committer = GroupCommitter(engine: engine, name: "writer")
        try engine.holdingFirstCommit {
            try committer.submit(batch("first"), durability: .unsynced) { _ in }
        } then: {
            try committer.submit(batch("a", "1"), durability: .unsynced) { outcomes.append(["a \($0.isSuccess)"]) }
            try committer.submit(batch("b", "1"), durability: .synced) { outcomes.append(["b \($0.isSuccess)"]) }
            try committer.submit(batch("a", "2"), durability: .unsynced) { outcomes.append(["a2 \($0.isSuccess)"]) }
        }
        committer.stop()
        #expect(engine.durabilities == [.unsynced, .synced])
        #expect(outcomes.all == ["a true", "b true", "a2 true"])
        #expect(try engine.text("a") == "2")
        #expect(throws: Overloaded.self) { try committer.submit(batch("c"), durability: .unsynced) { _ in } }
    }

    @Test("a batch that is too large fails alone")
    func oneTooLarge() throws {
        let engine = RecordingEngine()
        let outcomes = Log<String>()
        let committer = GroupCommitter(engine: engine, name: "writer")
        try engine.holdingFirstCommit {
            try committer.submit(batch("first"), durability: .unsynced) { _ in }
        } then: {
            try committer.submit(batch("a"), durability: .unsynced) { outcomes.append(["a \($0.isSuccess)"]) }
            let long = String(repeating: "k", count: EngineLimits.maximumKeyLength + 1)
            try committer.submit(batch(long), durability: .synced) { result in
                guard case .failure(let error) = result else { return outcomes.append(["long stored"]) }
                outcomes.append(["long \(error.code)"])
            }
            try committer.submit(batch("b"), durability: .synced) { outcomes.append(["b \($0.isSuccess)"]) }
        }
        committer.stop()
        #expect(outcomes.all == ["a true", "long tooLarge", "b true"])
        #expect(try engine.text("a") == "value" && engine.text("b") == "value")
        // The first, then each with its own durability; the long one was refused.
        #expect(engine.durabilities == [.unsynced, .unsynced, .synced])
    }

    @Test("a failed sync fails every batch of the group, and none is tried again")
    func failedSync() throws {
        let engine = RecordingEngine()
        let outcomes = Log<EngineError.Code>()
        let committer = GroupCommitter(engine: engine, name: "writer")
        try engine.holdingFirstCommit {
            try committer.submit(batch("first"), durability: .unsynced) { _ in }
        } then: {
            engine.failWith(EngineError(.syncFailed, operation: "commit", call: "fsync", number: 5, detail: "EIO"))
            for name in ["a", "b", "c"] {
                try committer.submit(batch(name), durability: .synced) { result in
                    if case .failure(let error) = result { outcomes.append([error.code]) }
                }
            }
        }
        committer.stop()
        #expect(outcomes.all == [.syncFailed, .syncFailed, .syncFailed])
        #expect(engine.attempts == 2)
    }

    private func batch(_ key: String, _ value: String = "value") -> WriteBatch {
        var batch = WriteBatch()
        batch.put(ByteBuffer(string: value), for: ByteBuffer(string: key))
        return batch
    }
}

extension Result {
    fileprivate var isSuccess: Bool {
        if case .success = self { true } else { false }
    }
}

/// A memory engine that notes what it is asked, and fails or waits on wish.
private final class RecordingEngine: LocalPersistenceEngine, @unchecked Sendable {
    // Unchecked: the mutable fields are used under `lock`.
    private let engine = MemoryEngine()
    private let gate = Gate()
    private let lock = NSLock()
    private var seen: [Durability] = []
    private var tried = 0
    private var failure: EngineError?

    var kind: EngineKind { .memory }
    var durabilities: [Durability] { lock.withLock { seen } }
    var attempts: Int { lock.withLock { tried } }

    func failWith(_ error: EngineError) {
        lock.withLock { failure = error }
    }

    /// Runs `then` while the commit that `submit` caused is under way.
    func holdingFirstCommit(_ submit: () throws -> Void, then: () throws -> Void) throws {
        defer { gate.open() }
        try submit()
        gate.waitForArrival()
        try then()
    }

    func text(_ key: String) throws -> String? {
        var text: String?
        try engine.read(ByteBuffer(string: key)) { text = $0.map { String(decoding: $0, as: UTF8.self) } }
        return text
    }

    func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        gate.pass()
        let failure = lock.withLock {
            tried += 1
            return self.failure
        }
        if let failure { throw failure }
        try engine.commit(batch, durability: durability)
        lock.withLock { seen.append(durability) }
    }

    func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try engine.read(key, body)
    }

    func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try engine.scan(range, body)
    }

    func sync() throws(EngineError) { try engine.sync() }
    func statistics() throws(EngineError) -> EngineStatistics { try engine.statistics() }
    func close() throws(EngineError) { try engine.close() }
}
