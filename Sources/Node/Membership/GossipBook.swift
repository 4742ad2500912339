import Placement

/// All that a node knows by gossip, and the reconciliation of that with a peer's (Dynamo §4.8.1).
///
/// A digest goes first: one number over everything. Where it is not the peer's, the sums of 64 buckets follow, then the
/// names in the buckets that differ, then the items themselves, both ways. So two nodes that know the same say one
/// number to each other, whatever they know, and otherwise little more than what one of them lacks.
public struct GossipBook: Sendable {
    private struct Entry: Sendable {
        let key: GossipItem.Key
        var item: GossipItem
        var hash: UInt64
    }

    static let buckets = 64
    /// Items in a message; what is left comes in the next round.
    static let itemsAMessage = 256

    /// Sorted by key.
    private var entries: [Entry] = []
    private var sums = Array(repeating: UInt64(0), count: buckets)

    public init() {}

    public var count: Int { entries.count }
    public var items: [GossipItem] { entries.map(\.item) }

    public subscript(key: GossipItem.Key) -> GossipItem? {
        let index = firstIndex(notBelow: key)
        return index < entries.count && entries[index].key == key ? entries[index].item : nil
    }

    /// The same where everything known is the same.
    public var root: UInt64 { sums.reduce(0, &+) }

    /// Takes an item in; returns whether that changed anything.
    @discardableResult
    public mutating func take(_ item: GossipItem) -> Bool {
        let key = item.key
        let index = firstIndex(notBelow: key)
        if index < entries.count, entries[index].key == key {
            guard item.replaces(entries[index].item) else { return false }
            sums[Self.bucket(key)] &-= entries[index].hash
            entries[index].item = item
            entries[index].hash = item.hash
        } else {
            entries.insert(Entry(key: key, item: item, hash: item.hash), at: index)
        }
        sums[Self.bucket(key)] &+= entries[index].hash
        return true
    }

    // MARK: Reconciliation

    /// What to say to a peer once a second.
    public var opening: Gossip { .root(root) }

    /// Takes in what a peer says. Returns what to say to it, and the items that were new here.
    public mutating func onGossip(_ gossip: Gossip) -> (answer: Gossip?, news: [GossipItem]) {
        switch gossip {
        case .root(let other): return (other == root ? nil : .buckets(sums), [])
        case .buckets(let others):
            guard others.count == Self.buckets else { return (nil, []) }
            let different = others.indices.filter { others[$0] != sums[$0] }
            guard !different.isEmpty else { return (nil, []) }
            return (.names(in: different.map(UInt8.init), names(in: different)), [])
        case .names(let buckets, let names): return (compare(buckets.map(Int.init), names), [])
        case .items(let items, let wanted):
            let news = items.filter { take($0) }
            let answers = wanted.prefix(Self.itemsAMessage).compactMap { self[$0] }
            return (answers.isEmpty ? nil : .items(answers, wanted: []), news)
        }
    }

    private func names(in buckets: [Int]) -> [Gossip.Name] {
        var isAsked = Array(repeating: false, count: Self.buckets)
        for bucket in buckets where bucket < Self.buckets { isAsked[bucket] = true }
        return entries.filter { isAsked[Self.bucket($0.key)] }.map { Gossip.Name(key: $0.key, hash: $0.hash) }
    }

    /// Whose of two items with a name is the later one its hash does not tell: both go their way.
    private func compare(_ buckets: [Int], _ theirs: [Gossip.Name]) -> Gossip? {
        let mine = names(in: buckets)
        var given: [GossipItem] = []
        var wanted: [GossipItem.Key] = []
        var other = 0
        let theirs = theirs.sorted { $0.key < $1.key }
        for name in mine {
            while other < theirs.count, theirs[other].key < name.key {
                wanted.append(theirs[other].key)
                other += 1
            }
            let isThere = other < theirs.count && theirs[other].key == name.key
            if isThere, theirs[other].hash != name.hash { wanted.append(name.key) }
            if !isThere || theirs[other].hash != name.hash, let item = self[name.key] { given.append(item) }
            if isThere { other += 1 }
        }
        wanted += theirs[other...].map(\.key)
        guard !given.isEmpty || !wanted.isEmpty else { return nil }
        return .items(
            Array(given.prefix(Self.itemsAMessage)), wanted: Array(wanted.prefix(Self.itemsAMessage)))
    }

    private func firstIndex(notBelow key: GossipItem.Key) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func bucket(_ key: GossipItem.Key) -> Int {
        let mixed = (key.high ^ key.low &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(key.kind.rawValue)) &* 0xBF58_476D_1CE4_E5B9
        return Int(mixed >> 58)
    }
}

/// What two nodes say to each other as they reconcile what they know by gossip.
public enum Gossip: Sendable, Hashable {
    public struct Name: Sendable, Hashable {
        public var key: GossipItem.Key
        public var hash: UInt64

        public init(key: GossipItem.Key, hash: UInt64) {
            self.key = key
            self.hash = hash
        }
    }

    case root(UInt64)
    case buckets([UInt64])
    case names(in: [UInt8], [Name])
    case items([GossipItem], wanted: [GossipItem.Key])
}
