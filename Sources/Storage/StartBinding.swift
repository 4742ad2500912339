public import Engines
import NIOCore
public import Node

/// Ties a store to the starts of its node.
///
/// A node that stopped cleanly goes on as the incarnation it was (design: truth 4). That is right only if each of its
/// stores is the one that the last start closed: not an older copy, and not an empty one in its place, which would give
/// births that were given before.
extension ObjectStore {
    private static let key = RecordKey.metadata("start")

    /// Whether `start` was the last that used this store.
    public func wasUsed(by start: StartRecord) throws -> Bool {
        var session: UInt64?
        try engine.read(Self.key) { value in
            guard let value else { return }
            var buffer = ByteBuffer(bytes: value)
            session = buffer.readInteger(as: UInt64.self)
        }
        return session == start.session
    }

    /// Records `start` as the last that uses this store; durable when it returns. Before anything else is written.
    public func use(by start: StartRecord) throws(EngineError) {
        var batch = WriteBatch()
        var value = ByteBuffer()
        value.writeInteger(start.session)
        batch.put(value, for: Self.key)
        try engine.commit(batch, durability: .synced)
    }
}
