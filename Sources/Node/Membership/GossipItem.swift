import NIOCore
import Placement

/// Anything that travels by gossip: known by its key, and told apart from an older one by its hash.
public enum GossipItem: Hashable, Sendable {
    case member(MemberRecord)
    case change(MembershipChange)

    public struct Key: Hashable, Comparable, Sendable {
        public enum Kind: UInt8, Sendable {
            case member = 1
            case change = 2
        }

        public var kind: Kind
        public var high: UInt64
        public var low: UInt64

        public init(kind: Kind, high: UInt64, low: UInt64) {
            self.kind = kind
            self.high = high
            self.low = low
        }

        public static func < (left: Key, right: Key) -> Bool {
            (left.kind.rawValue, left.high, left.low) < (right.kind.rawValue, right.high, right.low)
        }
    }

    public var key: Key {
        switch self {
        case .member(let record): Key(kind: .member, high: record.member.rawValue, low: 0)
        case .change(let change): Key(kind: .change, high: change.id.stamp, low: change.id.place.rawValue)
        }
    }

    /// Whether it takes the place of `other`, which has the same key. An order of all items with that key, so that all
    /// nodes keep the same one, whatever they see first.
    func replaces(_ other: GossipItem) -> Bool {
        if case .member(let mine) = self, case .member(let old) = other {
            if mine.isLater(than: old) { return true }
            if old.isLater(than: mine) { return false }
        }
        // The same member, or the same stamp at the same place, twice: two lives that know nothing of each other.
        return hash > other.hash
    }

    /// The first 8 bytes of the MD5 of ``encoded()``.
    var hash: UInt64 { KeyHash(hashing: encoded()).high }
}
