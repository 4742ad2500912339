import CXXHash
import NIOCore
import Node

/// The sums of one tree (Dynamo §4.7): those of the leaves, and of all of them.
///
/// A leaf is the sum, modulo 2⁶⁴, of a hash of each of its keys' records: a change takes the old hash away and adds the
/// new one, without a look at anything else, and the order in which keys came does not matter. The nodes above are sums
/// too, made when somebody asks.
struct MerkleTree: Equatable {
    private(set) var leaves: [UInt64]
    private(set) var root: UInt64 = 0

    init(_ shape: TreeShape) {
        leaves = Array(repeating: 0, count: shape.leafCount)
    }

    init(leaves: [UInt64]) {
        self.leaves = leaves
        root = leaves.reduce(0, &+)
    }

    /// - Parameters:
    ///   - old: The digest that is counted under the key; nil: none is.
    ///   - new: The one to be counted from now on.
    mutating func move(_ place: TreePlace, from old: UInt64?, to new: UInt64) {
        let change = place.hash(new) &- (old.map { place.hash($0) } ?? 0)
        leaves[place.leaf(of: leaves.count)] &+= change
        root &+= change
    }

    func sums(_ shape: TreeShape, level: Int, nodes: [UInt32]) -> [UInt64] {
        let width = shape.leafCount / shape.count(at: level)
        return nodes.map { node in leaves[Int(node) * width..<(Int(node) + 1) * width].reduce(0, &+) }
    }
}

/// Where a record counts.
struct TreePlace {
    let recordKey: ByteBuffer

    init(_ recordKey: ByteBuffer) {
        self.recordKey = recordKey
    }

    func leaf(of count: Int) -> Int {
        let hash = recordKey.withUnsafeReadableBytes { XXH3_64bits($0.baseAddress, $0.count) }
        return Int(truncatingIfNeeded: hash & UInt64(count - 1))
    }

    func hash(_ digest: UInt64) -> UInt64 {
        recordKey.withUnsafeReadableBytes { XXH3_64bits_withSeed($0.baseAddress, $0.count, digest) }
    }
}

/// What a write has made of a record: its digest before, nil where there was none that could be read, and after.
struct TreeChange {
    let recordKey: ByteBuffer
    let partition: Int
    let type: ByteBuffer
    let old: UInt64?
    let new: UInt64
}
