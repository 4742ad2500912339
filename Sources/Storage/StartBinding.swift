public import Engines
import NIOCore
public import Node

/// Ties a store to the starts of its node.
///
/// A node that stopped cleanly goes on as the incarnation it was (design: truth 4). That is right only if each of its
/// stores is the one that the last start closed: not a copy made earlier, before that start or while it ran, and not an
/// empty one in its place, which would give births that were given before.
extension ObjectStore {
    private static let key = RecordKey.metadata("start")

    enum Binding: UInt8 {
        case open = 1
        case closed
    }

    /// Whether `start` was the last that used this store, and closed it.
    public func wasClosed(by start: StartRecord) throws -> Bool {
        var found: (session: UInt64, binding: UInt8)?
        try engine.read(Self.key) { value in
            guard let value else { return }
            var buffer = ByteBuffer(bytes: value)
            found = buffer.readMultipleIntegers(as: (UInt64, UInt8).self).map { ($0.0, $0.1) }
        }
        return found.map { $0 == (start.session, Binding.closed.rawValue) } ?? false
    }

    /// Records `start` as the last that uses this store; durable when it returns. Before anything else is written.
    public func use(by start: StartRecord) throws(EngineError) {
        try write(.open, by: start)
        self.start = start
    }

    /// The last commit before the engine is closed.
    func writeClosed() throws(EngineError) {
        if let start { try write(.closed, by: start) }
    }

    private func write(_ binding: Binding, by start: StartRecord) throws(EngineError) {
        var value = ByteBuffer()
        value.writeMultipleIntegers(start.session, binding.rawValue)
        var batch = WriteBatch()
        batch.put(value, for: Self.key)
        try engine.commit(batch, durability: .synced)
    }
}
