import NIOCore
import Node
import Versions

/// What is known of one key from outside the nodes: every mint, what its writer had seen, and which nodes hold what.
///
/// It does its own arithmetic of causes. A write's past is the set of writes that its client had been shown, with their
/// pasts; a vector is looked at as a claim only: "these dots", to be held against that.
struct KeyLedger {
    struct Mint {
        let dot: Dot
        let stamp: HybridTime
        let value: ByteBuffer
        let isTombstone: Bool
        /// The operation that asked for it; nil for a delete, which carries no mark of its own.
        let operation: Int?
        let past: DotSet
        let minted: UInt64
        /// Bit per place: has, at some time, held it or something that supersedes it; and durably.
        var heldBy: UInt64 = 0
        var heldDurablyBy: UInt64 = 0
    }

    struct Loss {
        let time: UInt64
        let place: Int
        /// What was synced, too.
        let includesSynced: Bool
    }

    /// Why a claim does not hold.
    struct Objection: Error {
        let truth: Violation.Truth
        let detail: String
    }

    let layout: ClusterLayout.Key
    let policy: ConflictPolicy
    private(set) var mints: [Mint] = []
    private var numbers: [Actor: [Int]] = [:]
    /// By place (the nodes, then what each of them keeps for others): what it certainly holds, and what it would hold
    /// after a power failure.
    private(set) var held: [DotSet]
    private(set) var durable: [DotSet]
    /// By place: how often it lost something of this key.
    private(set) var losses: [Int]
    /// By place: the damage that its copy has, which its reader must find; 0 for none.
    private(set) var damage: [Int]
    /// When a node's machine or disk lost, or may have lost, something of this key's store.
    private(set) var lossLog: [Loss] = []
    private var damages = 0
    private var deletes = DeleteAttribution()

    init(layout: ClusterLayout.Key, policy: ConflictPolicy, nodes: Int) {
        self.layout = layout
        self.policy = policy
        held = Array(repeating: DotSet(), count: 2 * nodes)
        durable = held
        losses = Array(repeating: 0, count: 2 * nodes)
        damage = losses
    }

    // MARK: Claims

    /// The writes that a vector says it has seen.
    func dots(of vector: VersionVector) throws(Objection) -> DotSet {
        var dots = DotSet()
        for entry in vector.entries {
            let minted = numbers[entry.actor] ?? []
            guard entry.counter <= UInt64(minted.count) else {
                throw Objection(
                    truth: .contextExact,
                    detail: "\(vector) covers \(entry.counter) dots of \(entry.actor), which minted \(minted.count)")
            }
            for number in minted.prefix(Int(entry.counter)) { dots.insert(number) }
        }
        return dots
    }

    /// All that writers of these had seen. A past is complete in itself, and older than its writer: the newest first,
    /// and whatever another's past has already can be passed over.
    func past(of dots: DotSet) -> DotSet {
        var past = DotSet()
        var rest = dots
        while let newest = rest.popLast() {
            past.formUnion(mints[newest].past)
            rest.subtract(mints[newest].past)
        }
        return past
    }

    /// Holds an object against what was minted: values as written, siblings exactly those that nothing in it had seen.
    /// Returns the writes that it covers.
    func examine(_ object: VersionedObject) throws(Objection) -> DotSet {
        let covered = try dots(of: object.vector)
        var siblings = DotSet()
        for sibling in object.siblings {
            guard let number = number(of: sibling.dot) else {
                throw Objection(truth: .noWriteInvented, detail: "nobody minted \(sibling.dot)")
            }
            let mint = mints[number]
            guard mint.value == sibling.content.value, mint.isTombstone == sibling.isTombstone else {
                throw Objection(
                    truth: .noWriteInvented,
                    detail: "\(sibling.dot) holds \(ApplicationValue.decode(sibling.content.value)),"
                        + " minted was \(ApplicationValue.decode(mint.value))")
            }
            siblings.insert(number)
        }
        try checkClosed(covered, "the object under \(object.vector)")
        let expected = survivors(of: covered)
        guard siblings.equals(expected), siblings.count == object.siblings.count else {
            let back = siblings.subtracting(expected).elements
            let isResurrection = back.contains { number in
                covered.elements.contains { mints[$0].isTombstone && mints[$0].past.contains(number) }
            }
            throw Objection(
                truth: isResurrection ? .deletedStays : .siblingsExact,
                detail: "under \(object.vector) stand \(names(siblings)), but it should be \(names(expected))")
        }
        return covered
    }

    /// What is covered by a context that came without an object: only deleted things may be left of it.
    func examineDeleted(_ vector: VersionVector) throws(Objection) -> DotSet {
        let covered = try dots(of: vector)
        try checkClosed(covered, "the context \(vector)")
        for number in survivors(of: covered).elements where !mints[number].isTombstone {
            throw Objection(
                truth: .contextExact,
                detail: "not found, but the context covers \(names(DotSet(number))), which nothing deleted")
        }
        return covered
    }

    /// The siblings that should stand where these writes have been seen.
    private func survivors(of covered: DotSet) -> DotSet {
        guard policy == .lastWriteWins else { return covered.subtracting(past(of: covered)) }
        let newest = covered.elements.max { (mints[$0].stamp, mints[$0].dot) < (mints[$1].stamp, mints[$1].dot) }
        return newest.map { DotSet($0) } ?? DotSet()
    }

    /// All that some delete had seen.
    var deleted: DotSet { mints.reduce(into: DotSet()) { if $1.isTombstone { $0.formUnion($1.past) } } }

    /// Of what a copy holds: what a reader of it finds.
    func live(of held: DotSet) -> DotSet {
        survivors(of: held).elements.reduce(into: DotSet()) { if !mints[$1].isTombstone { $0.insert($1) } }
    }

    private func checkClosed(_ covered: DotSet, _ what: @autoclosure () -> String) throws(Objection) {
        let missing = past(of: covered).subtracting(covered)
        guard missing.isEmpty else {
            throw Objection(
                truth: .siblingsExact, detail: "\(what()) forgets \(names(missing)), which writes in it had seen")
        }
    }

    func number(of dot: Dot) -> Int? {
        guard let minted = numbers[dot.actor], dot.counter > 0, dot.counter <= UInt64(minted.count) else { return nil }
        return minted[Int(dot.counter) - 1]
    }

    func names(_ dots: DotSet) -> String {
        let texts = dots.elements.map { number in
            let mint = mints[number]
            return (mint.isTombstone ? "delete" : "put")
                + (mint.operation.map { " #\($0)" } ?? " at \(mint.minted / 1_000_000) ms")
        }
        return "{\(texts.joined(separator: ", "))}"
    }

    // MARK: What happened

    /// Returns the mint's number.
    mutating func add(_ mint: Mint) throws(Objection) -> Int {
        let before = numbers[mint.dot.actor]?.count ?? 0
        guard mint.dot.counter > UInt64(before) else {
            let first = number(of: mint.dot).map { names(DotSet($0)) } ?? "nothing"
            throw Objection(
                truth: .noDotTwice,
                detail:
                    "\(mint.dot) was \(first) and is minted again by \(mint.operation.map { "#\($0)" } ?? "a delete")")
        }
        guard mint.dot.counter == UInt64(before) + 1 else {
            throw Objection(
                truth: .contextExact, detail: "\(mint.dot) leaves a gap: its actor had minted \(before) so far")
        }
        for number in mint.past.elements where mints[number].stamp >= mint.stamp {
            throw Objection(
                truth: .order,
                detail: "\(mint.dot) is stamped \(mint.stamp.rawValue), \(names(DotSet(number))) before it"
                    + " \(mints[number].stamp.rawValue)")
        }
        numbers[mint.dot.actor, default: []].append(mints.count)
        mints.append(mint)
        return mints.count - 1
    }

    /// Tombstones that are not one of an acknowledged delete's.
    var unclaimedDeletes: Int { mints.filter(\.isTombstone).count - deletes.count }

    mutating func acknowledgeDelete(_ tombstones: [Int]) -> Bool {
        deletes.add(tombstones)
    }

    /// A store has finished a write: this is what readers find there now.
    mutating func onStored(node: Int, _ object: VersionedObject?) throws(Objection) {
        let covered = try object.map { object throws(Objection) in try examine(object) } ?? DotSet()
        let lost = held[node].subtracting(covered)
        guard lost.isEmpty else {
            throw Objection(truth: .noWriteLost, detail: "the store of node \(node) no longer holds \(names(lost))")
        }
        for number in covered.subtracting(held[node]).elements { mints[number].heldBy |= 1 << UInt64(node) }
        held[node] = covered
        damage[node] = 0
    }

    /// A hint for `holder` is about to leave a place. That holder has had it durably.
    mutating func onHintDropping(place: Int, holder: Int, _ hint: VersionedObject) throws(Objection) {
        let dropped = try examine(hint)
        for number in dropped.elements where mints[number].heldDurablyBy & 1 << UInt64(holder) == 0 {
            throw Objection(
                truth: .hintKept,
                detail: "the hint with \(names(DotSet(number))) goes, and node \(holder) never had it durably")
        }
        // From now on it may be gone, whatever becomes of the commit.
        held[place] = held[place].subtracting(dropped)
        durable[place] = durable[place].subtracting(dropped)
    }

    mutating func onSynced(node: Int) {
        for number in held[node].subtracting(durable[node]).elements {
            mints[number].heldDurablyBy |= 1 << UInt64(node)
        }
        durable[node] = held[node]
    }

    mutating func onWriting(node: Int) {
        damage[node] = 0
    }

    /// The store's machine lost its power; `isUnsynced`: this key was written since the last sync.
    mutating func onPowerFailure(node: Int, isUnsynced: Bool, at time: UInt64) {
        logLoss(node, includesSynced: false, at: time)
        guard isUnsynced else { return }
        held[node] = durable[node]
        losses[node] += 1
        damage[node] = 0
    }

    /// - Parameter isFound: The copy's reader can tell; otherwise the node may come back without it, or with an older.
    mutating func onDamaged(node: Int, isFound: Bool, at time: UInt64) {
        restore(node: node, DotSet(), at: time)
        guard isFound else { return }
        damages += 1
        damage[node] = damages
    }

    /// The node came back with a copy that holds these.
    mutating func restore(node: Int, _ copy: DotSet, at time: UInt64) {
        logLoss(node, includesSynced: true, at: time)
        held[node] = copy
        durable[node] = copy
        losses[node] += 1
        damage[node] = 0
    }

    /// What keeps no hint of the key loses none.
    private mutating func logLoss(_ place: Int, includesSynced: Bool, at time: UInt64) {
        guard place < held.count / 2 || !held[place].isEmpty else { return }
        lossLog.append(Loss(time: time, place: place, includesSynced: includesSynced))
    }
}
