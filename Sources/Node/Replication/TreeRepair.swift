import Placement
import Versions

/// One key being made the same here and at a peer: each gets what it lacks, merged with what it has.
struct TreeRepair {
    enum Copy {
        case awaited
        case known(VersionedObject?)
    }

    enum End {
        case repaired
        /// This key cannot be repaired, whatever comes of the others: its stamp is too far ahead, its record cannot be
        /// read, or one of the two does not take it.
        case impossible
        /// Nor could others now.
        case failed

        init(_ failure: ReplicaFailure) {
            switch failure {
            case .linkLost, .storage(.full), .storage(.ended), .storage(.overloaded): self = .failed
            case .unknownBucketType, .stampAhead, .storage: self = .impossible
            }
        }
    }

    let exchange: Correlation
    let peer: MemberID
    let store: Int
    let partition: Int
    let key: ObjectKey
    let policy: ConflictPolicy
    private var mine: Copy
    private var theirs: Copy
    /// Writes, here and there, that have not ended; nil: they are not known yet.
    private var writes: Int?
    private(set) var end = End.repaired

    init(
        _ difference: TreeDifference, of exchange: Correlation, with peer: MemberID, store: Int, partition: Int,
        _ policy: ConflictPolicy
    ) {
        self.exchange = exchange
        self.peer = peer
        self.store = store
        self.partition = partition
        self.policy = policy
        key = difference.key
        mine = difference.isHere ? .awaited : .known(nil)
        theirs = difference.isThere ? .awaited : .known(nil)
    }

    var readsHere: Bool { if case .awaited = mine { true } else { false } }
    var readsThere: Bool { if case .awaited = theirs { true } else { false } }
    var isDone: Bool { writes == 0 }

    /// A record that cannot be read counts as none: it is to be replaced.
    mutating func onReadHere(_ object: VersionedObject?) { mine = .known(object) }

    mutating func onReadThere(_ object: VersionedObject?) { theirs = .known(object) }

    /// What each side is to be given, as soon as both copies are known; once.
    mutating func takeWrites() -> (here: VersionedObject?, there: VersionedObject?) {
        guard writes == nil, case .known(let own) = mine, case .known(let other) = theirs else { return (nil, nil) }
        writes = 0
        guard var merged = own ?? other else { return (nil, nil) }
        if own != nil, let other { merged.merge(other, policy: policy) }
        let here = merged == own ? nil : merged
        let there = merged == other ? nil : merged
        writes = (here == nil ? 0 : 1) + (there == nil ? 0 : 1)
        return (here, there)
    }

    mutating func onWritten(_ end: End) {
        writes = writes.map { $0 - 1 }
        if end != .repaired { self.end = end }
    }
}
