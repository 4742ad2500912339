import Engines
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
        try sessionThatClosed() == start.session
    }

    /// Nil where the last start that used the store did not close it.
    private func sessionThatClosed() throws -> UInt64? {
        var found: UInt64?
        try engine.read(Self.key) { value in
            guard let value else { return }
            var buffer = ByteBuffer(bytes: value)
            guard let (session, binding) = buffer.readMultipleIntegers(as: (UInt64, UInt8).self),
                binding == Binding.closed.rawValue
            else { return }
            found = session
        }
        return found
    }

    /// Records `start` as the last that uses this store; durable when it returns. Before anything else is written.
    public func use(by start: StartRecord) throws {
        if let session = try sessionThatClosed() {
            do {
                try loadTrees(closedBy: session)
            } catch {
                // They can be built again.
            }
        }
        try write(.open, by: start)
        self.start = start
    }

    /// The last commits before the engine is closed.
    func writeClosed() throws(EngineError) {
        guard let start else { return }
        do throws(EngineError) {
            try saveTrees(by: start)
        } catch {
            // They can be built again; where the disk is full, without room for them the store may still be closed.
        }
        try write(.closed, by: start)
    }

    private func write(_ binding: Binding, by start: StartRecord) throws(EngineError) {
        var value = ByteBuffer()
        value.writeMultipleIntegers(start.session, binding.rawValue)
        var batch = WriteBatch()
        batch.put(value, for: Self.key)
        try engine.commit(batch, durability: .synced)
    }
}
