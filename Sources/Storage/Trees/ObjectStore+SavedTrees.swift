import CXXHash
import Engines
import NIOConcurrencyHelpers
import NIOCore
import Node

/// Trees over a stop: kept in the engine itself, by the start that closes it, and believed only by the one that finds
/// the store as that start left it. In one that was written to since, or closed with trees half built, they are built
/// anew.
extension ObjectStore {
    private static let marker = RecordKey.metadata("trees")
    /// Bytes of trees in one transaction.
    private static let bytesACommit = 1 << 20

    /// The last but one thing that a start does to its store. Where it fails, the next start builds them.
    func saveTrees(by start: StartRecord) throws(EngineError) {
        guard let trees, let kept = trees.withLockedValue({ $0.kept }) else { return }
        // What clients wrote goes first. Behind a buffer a batch that is not synced takes no space yet, and would fail
        // later, together with what stands beside it; a synced one that fails leaves nothing.
        try engine.sync()
        var batch = WriteBatch()
        batch.deleteRange(RecordKey.allTrees)
        var bytes = 0
        for (id, tree) in kept.sorted(by: { $0.key < $1.key }) {
            let value = tree.encoded()
            batch.put(value, for: RecordKey.tree(id))
            bytes += value.readableBytes
            guard bytes >= Self.bytesACommit else { continue }
            try engine.commit(batch, durability: .synced)
            batch.removeAll(keepingCapacity: true)
            bytes = 0
        }
        batch.put(marker(start.session, count: kept.count), for: Self.marker)
        try engine.commit(batch, durability: .synced)
    }

    /// - Parameter session: Of the start that closed the store.
    func loadTrees(closedBy session: UInt64) throws {
        guard let trees, let shape = treeSettings?.shape else { return }
        var kept: [TreeID: MerkleTree] = [:]
        try engine.scan(RecordKey.allTrees) { key, value in
            guard let id = RecordKey.tree(in: ByteBuffer(bytes: key)),
                let tree = MerkleTree(decoding: ByteBuffer(bytes: value), shape)
            else { return .stop }
            kept[id] = tree
            return .proceed
        }
        let expected = marker(session, count: kept.count)
        var isMarked = false
        try engine.read(Self.marker) { value in isMarked = value.map { ByteBuffer(bytes: $0) == expected } ?? false }
        if isMarked { trees.withLockedValue { $0.restore(kept) } }
    }

    /// Everything that has to be the same for saved trees to be right.
    private func marker(_ session: UInt64, count: Int) -> ByteBuffer {
        var value = ByteBuffer()
        value.writeMultipleIntegers(UInt8(1), session, UInt64(count))
        guard let settings = treeSettings else { return value }
        value.writeMultipleIntegers(UInt8(settings.shape.levels), UInt32(settings.partitions))
        for (type, n) in settings.replicas.sorted(by: { KeyOrder.compare($0.key, $1.key) < 0 }) {
            value.writeMultipleIntegers(UInt8(truncatingIfNeeded: n), UInt32(type.readableBytes))
            value.writeImmutableBuffer(type)
        }
        let checksum = value.withUnsafeReadableBytes { XXH3_64bits($0.baseAddress, $0.count) }
        value.writeInteger(checksum)
        return value
    }
}

extension MerkleTree {
    /// Checksum, then the leaves.
    func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(8 * (leaves.count + 1))
        buffer.writeInteger(UInt64(0))
        for leaf in leaves { buffer.writeInteger(leaf) }
        buffer.setInteger(Self.checksum(of: buffer), at: buffer.readerIndex)
        return buffer
    }

    /// Nil for what is not a tree of that shape.
    init?(decoding bytes: ByteBuffer, _ shape: TreeShape) {
        var buffer = bytes
        guard bytes.readableBytes == 8 * (shape.leafCount + 1), buffer.readInteger() == Self.checksum(of: bytes) else {
            return nil
        }
        var leaves: [UInt64] = []
        leaves.reserveCapacity(shape.leafCount)
        while let leaf: UInt64 = buffer.readInteger() { leaves.append(leaf) }
        self.init(leaves: leaves)
    }

    private static func checksum(of bytes: ByteBuffer) -> UInt64 {
        bytes.withUnsafeReadableBytes { bytes in
            let leaves = UnsafeRawBufferPointer(rebasing: bytes[8...])
            return XXH3_64bits(leaves.baseAddress, leaves.count)
        }
    }
}
