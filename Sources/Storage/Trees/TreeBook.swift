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
        /// What they say may be wrong.
        var isOutdated = false
        /// They are right as far as anybody knows, and are to be built anew all the same.
        var isToBeReread = false
        /// Records that cannot be read, and are not in the trees.
        var damaged: Set<ByteBuffer> = []

        var isDue: Bool { trees == nil || isOutdated }
    }

    private struct Building {
        let partition: Int
        var trees: [Int: MerkleTree] = [:]
        var damaged: Set<ByteBuffer> = []
        /// The last key that is in the trees; nil: none is yet.
        var cursor: ByteBuffer?
        /// While a page is under way: what writes have made of records behind the cursor.
        var touched: [ByteBuffer: (n: Int, digest: UInt64)]?
        /// Records a page: fewer where the store cannot keep a snapshot for as many.
        var recordsAPage = TreePage.maximumRecords
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

    /// Nil while it is not built.
    func root(_ id: TreeID) -> UInt64? {
        guard partitions.indices.contains(id.partition), let trees = partitions[id.partition].trees else { return nil }
        return trees[id.n]?.root ?? 0
    }

    /// Nil while it is not built.
    func tree(_ id: TreeID) -> MerkleTree? {
        guard root(id) != nil else { return nil }
        return partitions[id.partition].trees?[id.n] ?? MerkleTree(settings.shape)
    }

    /// Those that are built and, as far as anybody knows, right.
    var settled: [TreeID] {
        partitions.indices.filter { !partitions[$0].isDue }.flatMap { partition in
            // order-free: sorted
            Set(settings.replicas.values).sorted().map { TreeID(partition: partition, n: $0) }
        }
    }

    var hasMore: Bool { partitions.contains { $0.isDue || $0.isToBeReread } }

    /// How many partitions have no trees, or trees that may be wrong.
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
            // It was left out, whatever has been read of it since.
            let isMissing = partitions[change.partition].damaged.remove(change.recordKey) != nil
            partitions[change.partition].trees?[n, default: MerkleTree(settings.shape)]
                .move(place, from: isMissing ? nil : change.old, to: change.new)
        }
        guard building?.partition == change.partition else { return }
        if building?.hasRead(change.recordKey) == true {
            let isMissing = building?.damaged.remove(change.recordKey) != nil
            building?.trees[n, default: MerkleTree(settings.shape)]
                .move(place, from: isMissing ? nil : change.old, to: change.new)
        } else if building?.touched != nil {
            building?.touched?[change.recordKey] = (n, change.new)
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
        partitions[partition].isOutdated = true
    }

    // MARK: Building

    mutating func reread(_ partition: Int) {
        guard partitions.indices.contains(partition), building?.partition != partition else { return }
        partitions[partition].isToBeReread = true
    }

    /// The next page to read; nil where there is nothing to do, or one is being read.
    mutating func beginPage() -> TreePage? {
        if building == nil {
            guard let partition = nextDue() else { return nil }
            building = Building(partition: partition)
        }
        guard let partition = building?.partition, building?.touched == nil else { return nil }
        building?.touched = [:]
        return TreePage(
            partition: partition, after: building?.cursor,
            recordLimit: building?.recordsAPage ?? TreePage.maximumRecords)
    }

    /// Those that have none first, one after the other: one that cannot be read keeps the others from nothing.
    private mutating func nextDue() -> Int? {
        for isWanted in [\Partition.isDue, \.isToBeReread] {
            for step in partitions.indices {
                let partition = (nextPartition + step) % partitions.count
                guard partitions[partition][keyPath: isWanted] else { continue }
                nextPartition = (partition + 1) % partitions.count
                return partition
            }
        }
        return nil
    }

    /// The page is not taken in: it is to be read again, as a smaller one where it `wasTooLarge`.
    mutating func abandonPage(wasTooLarge: Bool) {
        building?.touched = nil
        guard wasTooLarge, let records = building?.recordsAPage else { return }
        building?.recordsAPage = max(16, records / 2)
    }

    /// The partition cannot be read now: the others' turn.
    mutating func postpone() {
        building = nil
    }

    /// Takes a page in; no commit is under way.
    mutating func finish(_ page: TreePage) {
        guard var built = building, let touched = built.touched, built.partition == page.partition else { return }
        building = nil
        built.touched = nil
        for entry in page.entries where touched[entry.recordKey] == nil {
            guard let n = settings.replicas[entry.type] else { continue }
            count(entry.digest, n, entry.recordKey, in: &built)
        }
        for recordKey in page.unreadable where touched[recordKey] == nil { built.damaged.insert(recordKey) }
        // order-free: sums
        for (recordKey, write) in touched {
            guard page.isLast || page.last.map({ KeyOrder.compare(recordKey, $0) <= 0 }) ?? false else { continue }
            count(write.digest, write.n, recordKey, in: &built)
        }
        guard page.isLast else {
            built.cursor = page.last ?? built.cursor
            building = built
            return
        }
        partitions[built.partition] = Partition(
            trees: built.trees, isOutdated: built.isOutdated, damaged: built.damaged)
    }

    private func count(_ digest: UInt64, _ n: Int, _ recordKey: ByteBuffer, in built: inout Building) {
        built.trees[n, default: MerkleTree(settings.shape)].move(TreePlace(recordKey), from: nil, to: digest)
    }

    // MARK: Keeping them over a stop

    /// Everything, if nothing is missing.
    var kept: [TreeID: MerkleTree]? {
        guard due == 0, partitions.allSatisfy(\.damaged.isEmpty) else { return nil }
        var kept: [TreeID: MerkleTree] = [:]
        for (partition, state) in partitions.enumerated() {
            for (n, tree) in state.trees ?? [:] { kept[TreeID(partition: partition, n: n)] = tree }
        }
        return kept
    }

    mutating func restore(_ kept: [TreeID: MerkleTree]) {
        partitions = Array(repeating: Partition(trees: [:]), count: settings.partitions)
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
    /// Of records: large ones make short pages.
    static let maximumBytes = 8 << 20

    let recordLimit: Int

    init(partition: Int, after: ByteBuffer?, recordLimit: Int) {
        self.partition = partition
        self.after = after
        self.recordLimit = recordLimit
    }
}
