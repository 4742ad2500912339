import Engines
import NIOCore
import Node

/// A store's trees, and how far those have come that are being built.
///
/// Trees are built from what the store holds, a page of records at a time, while it is written to. Keys up to the
/// cursor are in the tree, and every write to them changes it; keys behind it are yet to be read. Between the moment at
/// which a page begins to be read and that at which it is taken in, nobody can tell which of the writes it has seen: so
/// what they made of their records is remembered, and counts in the place of what the page says.
///
/// What was counted under a key cannot be taken away once its record cannot be read any more. So a partition in which
/// damage is met is built anew, from what can be read; the damaged records, which the new trees lack, are remembered.
struct TreeBook {
    let settings: TreeSettings
    private var partitions: [Partition]
    private var building: Building?
    /// The next partition to look at.
    private var nextPartition = 0

    private struct Partition {
        /// By n; nil: not built yet.
        var trees: [Int: MerkleTree]?
        /// Whether they are to be built.
        var isDue = true
        /// Records that cannot be read, and are not in the trees.
        var damaged: Set<ByteBuffer> = []
    }

    private struct Building {
        let partition: Int
        var trees: [Int: MerkleTree] = [:]
        var damaged: Set<ByteBuffer> = []
        /// The last key that is in the trees; nil: none is yet.
        var cursor: ByteBuffer?
        /// While a page is under way: what writes have made of records behind the cursor.
        var touched: [ByteBuffer: (type: ByteBuffer, digest: UInt64?)]?
        /// Damage was met in what had been read.
        var isOutdated = false

        func hasRead(_ recordKey: ByteBuffer) -> Bool {
            guard let cursor else { return false }
            return KeyOrder.compare(recordKey, cursor) <= 0
        }
    }

    init(_ settings: TreeSettings) {
        self.settings = settings
        partitions = Array(repeating: Partition(), count: settings.partitions)
    }

    // MARK: Reading

    func root(_ id: TreeID) -> UInt64? { tree(id)?.root }

    /// Nil while it is not built.
    func tree(_ id: TreeID) -> MerkleTree? {
        guard partitions.indices.contains(id.partition), let trees = partitions[id.partition].trees else { return nil }
        return trees[id.n] ?? MerkleTree(settings.shape)
    }

    func replicas(of type: ByteBuffer) -> Int? { settings.replicas[type] }

    /// Those that are built, and are not to be built anew.
    var settled: [TreeID] {
        partitions.indices.filter { !partitions[$0].isDue }.flatMap { partition in
            Set(settings.replicas.values).sorted().map { TreeID(partition: partition, n: $0) }
        }
    }

    var isComplete: Bool { !partitions.contains(where: \.isDue) }

    /// How many partitions wait for their trees, or have trees that are to be built anew.
    var due: Int { partitions.reduce(0) { $0 + ($1.isDue ? 1 : 0) } }

    // MARK: Writes

    /// A commit has returned.
    mutating func take(_ changes: [TreeChange]) {
        for change in changes { take(change) }
    }

    private mutating func take(_ change: TreeChange) {
        guard let n = settings.replicas[change.type], partitions.indices.contains(change.partition) else { return }
        let place = TreePlace(change.recordKey)
        if partitions[change.partition].trees != nil {
            partitions[change.partition].trees?[n, default: MerkleTree(settings.shape)]
                .move(place, from: change.old, to: change.new)
            if change.old == nil { partitions[change.partition].damaged.remove(change.recordKey) }
        }
        guard building?.partition == change.partition else { return }
        if building?.hasRead(change.recordKey) == true {
            building?.trees[n, default: MerkleTree(settings.shape)].move(place, from: change.old, to: change.new)
            if change.old == nil { building?.damaged.remove(change.recordKey) }
        } else if building?.touched != nil {
            building?.touched?[change.recordKey] = (change.type, change.new)
        }
    }

    /// A record cannot be read. What the trees count under its key, if anything, is unknown.
    mutating func onDamage(_ recordKey: ByteBuffer, partition: Int) {
        guard partitions.indices.contains(partition) else { return }
        if building?.partition == partition, building?.hasRead(recordKey) == true,
            building?.damaged.contains(recordKey) == false
        {
            building?.isOutdated = true
        }
        guard partitions[partition].trees != nil, !partitions[partition].damaged.contains(recordKey) else { return }
        partitions[partition].isDue = true
    }

    // MARK: Building

    mutating func reread(_ partition: Int) {
        guard partitions.indices.contains(partition), building?.partition != partition else { return }
        partitions[partition].isDue = true
    }

    /// The next page to read; nil where there is nothing to do, or one is being read.
    mutating func beginPage() -> TreePage? {
        if building == nil {
            guard let partition = nextDue() else { return nil }
            building = Building(partition: partition)
        }
        guard let partition = building?.partition, building?.touched == nil else { return nil }
        building?.touched = [:]
        return TreePage(partition: partition, after: building?.cursor)
    }

    private mutating func nextDue() -> Int? {
        for step in partitions.indices {
            let partition = (nextPartition + step) % partitions.count
            guard partitions[partition].isDue else { continue }
            nextPartition = (partition + 1) % partitions.count
            return partition
        }
        return nil
    }

    /// The page could not be read: it is to be read again.
    mutating func abandonPage() {
        building?.touched = nil
    }

    /// Takes a page in; no commit is under way.
    mutating func finish(_ page: TreePage) {
        guard var built = building, let touched = built.touched, built.partition == page.partition else { return }
        building = nil
        built.touched = nil
        for entry in page.entries where touched[entry.recordKey] == nil {
            count(entry.digest, entry.type, entry.recordKey, in: &built)
        }
        for recordKey in page.unreadable where touched[recordKey] == nil { built.damaged.insert(recordKey) }
        // order-free: sums
        for (recordKey, write) in touched {
            guard page.isLast || page.last.map({ KeyOrder.compare(recordKey, $0) <= 0 }) ?? false else { continue }
            count(write.digest, write.type, recordKey, in: &built)
        }
        guard page.isLast else {
            built.cursor = page.last ?? built.cursor
            building = built
            return
        }
        partitions[built.partition] = Partition(trees: built.trees, isDue: built.isOutdated, damaged: built.damaged)
    }

    private func count(_ digest: UInt64?, _ type: ByteBuffer, _ recordKey: ByteBuffer, in built: inout Building) {
        guard let digest, let n = settings.replicas[type] else { return }
        built.trees[n, default: MerkleTree(settings.shape)].move(TreePlace(recordKey), from: nil, to: digest)
    }

    // MARK: Keeping them over a stop

    /// Everything, if nothing is missing.
    var kept: [TreeID: MerkleTree]? {
        guard isComplete, building == nil, partitions.allSatisfy(\.damaged.isEmpty) else { return nil }
        var kept: [TreeID: MerkleTree] = [:]
        for (partition, state) in partitions.enumerated() {
            for (n, tree) in state.trees ?? [:] { kept[TreeID(partition: partition, n: n)] = tree }
        }
        return kept
    }

    mutating func restore(_ kept: [TreeID: MerkleTree]) {
        partitions = Array(repeating: Partition(trees: [:], isDue: false), count: settings.partitions)
        // order-free: each has its own place
        for (id, tree) in kept where partitions.indices.contains(id.partition) {
            partitions[id.partition].trees?[id.n] = tree
        }
    }
}

/// A stretch of a partition's records, read for its trees.
public struct TreePage: Sendable {
    struct Entry {
        let recordKey: ByteBuffer
        let type: ByteBuffer
        let digest: UInt64
    }

    let partition: Int
    /// The key behind which it begins; nil: with the partition's first.
    let after: ByteBuffer?
    var entries: [Entry] = []
    var unreadable: [ByteBuffer] = []
    /// The last key read.
    var last: ByteBuffer?
    /// The partition has no more.
    var isLast = true

    static let maximumRecords = 1_024

    init(partition: Int, after: ByteBuffer?) {
        self.partition = partition
        self.after = after
    }
}
