import Engines
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// An engine whose commits and figures wait at a gate each; commits fail, as its close does, where they are told to.
final class GatedEngine: LocalPersistenceEngine {
    final class Gate: Sendable {
        private let condition = ConditionLock(value: true)

        func pass() {
            condition.lock(whenValue: true)
            condition.unlock()
        }

        func close() {
            condition.lock()
            condition.unlock(withValue: false)
        }

        func open() {
            condition.lock()
            condition.unlock(withValue: true)
        }
    }

    let gate = Gate()
    let figuresGate = Gate()
    private let engine: any LocalPersistenceEngine
    private let state = NIOLockedValueBox(
        (commits: 0, looks: 0, commitFailure: EngineError.Code?.none, closeFails: false))

    init(_ engine: any LocalPersistenceEngine = MemoryEngine()) {
        self.engine = engine
    }

    var kind: EngineKind { engine.kind }
    var commits: Int { state.withLockedValue { $0.commits } }
    /// How often its figures were asked for.
    var looks: Int { state.withLockedValue { $0.looks } }

    func failCommits(with code: EngineError.Code) {
        state.withLockedValue { $0.commitFailure = code }
    }

    func failClose() {
        state.withLockedValue { $0.closeFails = true }
    }

    func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try engine.read(key, body)
    }

    func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        gate.pass()
        let failure = state.withLockedValue {
            $0.commits += 1
            return $0.commitFailure
        }
        if let failure { throw Self.gone(failure, "commit") }
        try engine.commit(batch, durability: durability)
    }

    func scan(
        _ range: KeyRange, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try engine.scan(range, body)
    }

    func sync() throws(EngineError) { try engine.sync() }

    func statistics() throws(EngineError) -> EngineStatistics {
        state.withLockedValue { $0.looks += 1 }
        figuresGate.pass()
        return try engine.statistics()
    }

    func close() throws(EngineError) {
        try engine.close()
        if state.withLockedValue({ $0.closeFails }) { throw Self.gone(.syncFailed, "close") }
    }

    private static func gone(_ code: EngineError.Code, _ operation: String) -> EngineError {
        EngineError(code, operation: operation, call: "fsync", number: 5, detail: "the disk is gone")
    }
}
