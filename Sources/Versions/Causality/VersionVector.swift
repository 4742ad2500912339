/// For each actor, how many of its writes have been seen: the dots 1 through `counter`, without gaps.
///
/// Two vectors are equal (`==`) if they hold the same entries, times of update included, so that equal vectors have
/// equal encodings. The causal order (``compared(to:)``, ``descends(from:)``, ``covers(_:)``) looks at counters only.
/// ``join(_:)`` takes for each actor the greater (counter, updated): commutative, associative and idempotent on `==`.
public struct VersionVector: Hashable, Sendable {
    public struct Entry: Hashable, Sendable {
        public var actor: Actor
        public var counter: UInt64
        /// Unix seconds at which the write `counter` was minted; read by truncation only (Dynamo §4.4).
        public var updated: UInt32

        public init(actor: Actor, counter: UInt64, updated: UInt32) {
            self.actor = actor
            self.counter = counter
            self.updated = updated
        }
    }

    /// Sorted by actor, one entry an actor, every counter at least 1.
    public private(set) var entries: [Entry]

    public init() {
        entries = []
    }

    /// The caller has checked that the entries are sorted, distinct and not zero.
    init(sorted entries: [Entry]) {
        self.entries = entries
    }

    /// 0 for an actor of which nothing has been seen.
    public func counter(of actor: Actor) -> UInt64 {
        let index = firstIndex(notBelow: actor)
        guard index < entries.count, entries[index].actor == actor else { return 0 }
        return entries[index].counter
    }

    public func covers(_ dot: Dot) -> Bool {
        counter(of: dot.actor) >= dot.counter
    }

    /// Counts a write just minted: the next of its actor, since a gap would cover writes that nobody has seen.
    public mutating func record(_ dot: Dot, at seconds: UInt32) {
        let index = firstIndex(notBelow: dot.actor)
        let known = index < entries.count && entries[index].actor == dot.actor
        let seen = known ? entries[index].counter : 0
        precondition(seen < .max && dot.counter == seen + 1, "recorded \(dot), but \(seen) of that actor were seen")
        if known {
            entries[index].counter = dot.counter
            entries[index].updated = seconds
        } else {
            entries.insert(Entry(actor: dot.actor, counter: dot.counter, updated: seconds), at: index)
        }
    }

    /// Takes in all that `other` has seen; true if that changed anything.
    @discardableResult
    public mutating func join(_ other: VersionVector) -> Bool {
        var changed = false
        var unknown = 0
        var mine = 0
        for entry in other.entries {
            while mine < entries.count, entries[mine].actor < entry.actor { mine += 1 }
            guard mine < entries.count, entries[mine].actor == entry.actor else {
                unknown += 1
                continue
            }
            if entry.isLater(than: entries[mine]) {
                entries[mine] = entry
                changed = true
            }
        }
        guard unknown > 0 else { return changed }
        insertUnknown(from: other, count: unknown)
        return true
    }

    /// Adds the `count` entries of `other` whose actors are not here yet.
    private mutating func insertUnknown(from other: VersionVector, count: Int) {
        guard !entries.isEmpty else {
            entries = other.entries
            return
        }
        var joined: [Entry] = []
        joined.reserveCapacity(entries.count + count)
        var mine = 0
        for entry in other.entries {
            while mine < entries.count, entries[mine].actor < entry.actor {
                joined.append(entries[mine])
                mine += 1
            }
            if mine < entries.count, entries[mine].actor == entry.actor { continue }
            joined.append(entry)
        }
        joined.append(contentsOf: entries[mine...])
        entries = joined
    }

    /// Removes the entries at these indices, which ascend.
    mutating func remove(at indices: [Int]) {
        for index in indices.reversed() { entries.remove(at: index) }
    }

    /// Where `actor` is, or would have to be inserted.
    func firstIndex(notBelow actor: Actor) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].actor < actor { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension VersionVector.Entry {
    func isLater(than other: Self) -> Bool {
        counter == other.counter ? updated > other.updated : counter > other.counter
    }
}

extension VersionVector {
    /// What one vector has seen against another (Dynamo §4.4).
    public enum Order: Sendable {
        case equal
        /// Has seen all that the other has, and more.
        case after
        case before
        /// Each has seen something that the other has not.
        case concurrent
    }

    public func compared(to other: VersionVector) -> Order {
        var mineIsMore = false
        var othersIsMore = false
        var mine = 0
        var others = 0
        while mine < entries.count, others < other.entries.count {
            let left = entries[mine]
            let right = other.entries[others]
            if left.actor == right.actor {
                if left.counter > right.counter { mineIsMore = true }
                if left.counter < right.counter { othersIsMore = true }
                mine += 1
                others += 1
            } else if left.actor < right.actor {
                mineIsMore = true
                mine += 1
            } else {
                othersIsMore = true
                others += 1
            }
        }
        if mine < entries.count { mineIsMore = true }
        if others < other.entries.count { othersIsMore = true }
        switch (mineIsMore, othersIsMore) {
        case (false, false): return .equal
        case (true, false): return .after
        case (false, true): return .before
        case (true, true): return .concurrent
        }
    }

    /// Has seen at least all that `other` has.
    public func descends(from other: VersionVector) -> Bool {
        var mine = 0
        for entry in other.entries {
            while mine < entries.count, entries[mine].actor < entry.actor { mine += 1 }
            guard mine < entries.count, entries[mine].actor == entry.actor, entries[mine].counter >= entry.counter
            else { return false }
        }
        return true
    }
}

extension VersionVector: CustomStringConvertible {
    public var description: String {
        "[" + entries.map { "(\($0.actor), \($0.counter))" }.joined(separator: ", ") + "]"
    }
}
