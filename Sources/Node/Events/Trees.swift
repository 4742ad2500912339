public import NIOCore
public import Placement

/// Names a Merkle tree of a store: of a partition's objects, those of the bucket types with this n (Dynamo §4.7). The
/// members that hold the partition's first n slots each have one, and they are to become equal.
public struct TreeID: Hashable, Comparable, Sendable {
    public var partition: Int
    public var n: Int

    public init(partition: Int, n: Int) {
        self.partition = partition
        self.n = n
    }

    public static func < (left: TreeID, right: TreeID) -> Bool {
        (left.partition, left.n) < (right.partition, right.n)
    }
}

/// How trees are built, the same on all nodes: below the root so many levels, the last one the leaves. A node's sum is
/// that of its children, and a leaf's that of its keys and their versions' digests, in any order: a write changes a
/// leaf and needs to see nothing else.
public struct TreeShape: Hashable, Sendable {
    public static let fanOut = 16

    public let levels: Int

    public init(levels: Int) {
        precondition((1...4).contains(levels), "a tree of \(levels) levels")
        self.levels = levels
    }

    /// As many leaves as a node has memory for: 4,096 a partition up to 1,024 partitions, and less the more there are.
    public init(partitions: Int) {
        self.init(levels: partitions <= 1_024 ? 3 : partitions <= 16_384 ? 2 : 1)
    }

    public var leafCount: Int { count(at: levels) }

    /// How many nodes a level has; that of the root, level 0, one.
    public func count(at level: Int) -> Int { 1 << (4 * level) }

    /// Whether a peer may ask for these sums at once: no more than there are, and none that is not there.
    public func allows(_ nodes: [UInt32], at level: Int) -> Bool {
        (0...levels).contains(level) && nodes.count <= count(at: level)
            && nodes.allSatisfy { Int($0) < count(at: level) }
    }

    func children(of nodes: [UInt32]) -> [UInt32] {
        nodes.flatMap { node in (0..<UInt32(Self.fanOut)).map { node * UInt32(Self.fanOut) + $0 } }
    }
}

/// Some of a tree's leaves.
public struct LeafSet: Hashable, Sendable {
    /// 64 leaves each, the first in the lowest bit.
    public private(set) var words: [UInt64]

    public init(_ leaves: some Sequence<UInt32>, of shape: TreeShape) {
        words = Array(repeating: 0, count: (shape.leafCount + 63) / 64)
        for leaf in leaves where Int(leaf) < shape.leafCount { words[Int(leaf) / 64] |= 1 << (UInt64(leaf) % 64) }
    }

    public init(words: [UInt64]) {
        self.words = words
    }

    public func contains(_ leaf: Int) -> Bool {
        leaf / 64 < words.count && words[leaf / 64] >> UInt64(leaf % 64) & 1 == 1
    }
}

/// What a node asks about the trees of a store: of its own one, and, in the same words, of a peer's.
public enum TreeQuestion: Sendable, Hashable {
    /// Ends with ``TreeAnswer/roots(_:)``.
    case roots([TreeID])
    /// The sums of some nodes of a level: ``TreeAnswer/sums(_:)``.
    case sums(TreeID, level: Int, nodes: [UInt32])
    /// A page of the keys in some leaves: ``TreeAnswer/keys(_:)``.
    case keys(TreeListing)
}

extension TreeQuestion {
    /// The one tree that is being looked into.
    var tree: TreeID? {
        switch self {
        case .roots: nil
        case .sums(let tree, _, _): tree
        case .keys(let listing): listing.tree
        }
    }
}

public struct TreeListing: Sendable, Hashable {
    public var tree: TreeID
    public var leaves: LeafSet
    /// Places in the store's order of keys: the page begins behind `after`, nil: at the partition's first key, and ends
    /// with `upTo`, nil: with its last.
    public var after: ByteBuffer?
    public var upTo: ByteBuffer?

    public init(tree: TreeID, leaves: LeafSet, after: ByteBuffer? = nil, upTo: ByteBuffer? = nil) {
        self.tree = tree
        self.leaves = leaves
        self.after = after
        self.upTo = upTo
    }

    /// Keys that a page has at most, and keys that are passed by for it.
    public static let maximumKeys = 512
    public static let maximumKeysPassed = 8_192
}

public enum TreeAnswer: Sendable, Hashable {
    /// In the order of the question; nil for a tree that is not built yet, and tells nothing.
    case roots([UInt64?])
    case sums([UInt64])
    case keys(TreeKeys)
    /// The tree is not built yet; or the store cannot be read, or is unknown, or its bucket types are not the same.
    case unavailable
    /// The tree is being compared with somebody else's.
    case busy
}

public struct TreeKeys: Sendable, Hashable {
    public struct Entry: Sendable, Hashable {
        public var key: ObjectKey
        /// ``VersionedObject/digest``.
        public var digest: UInt64

        public init(key: ObjectKey, digest: UInt64) {
            self.key = key
            self.digest = digest
        }
    }

    /// In the store's order of keys.
    public var entries: [Entry]
    /// How far the page goes; nil: to the end of what was asked for.
    public var last: ByteBuffer?

    public init(entries: [Entry], last: ByteBuffer?) {
        self.entries = entries
        self.last = last
    }
}

/// The node's own trees: a question, or a step of building them.
public struct TreeRequest: Sendable {
    public enum Work: Sendable {
        /// Ends with ``StorageCompletion/tree(_:_:)``.
        case answer(TreeQuestion)
        /// Reads some of what the trees lack: ``StorageCompletion/treesBuilt(_:complete:)``.
        ///
        /// - Parameter rereading: A partition whose trees are to be built anew from what the store holds, while the old
        ///   ones go on: so that damage is met which no client asks for.
        case build(rereading: Int?)
    }

    public var token: StorageToken
    public var store: Int
    public var work: Work

    public init(token: StorageToken, store: Int, work: Work) {
        self.token = token
        self.store = store
        self.work = work
    }
}
