import Placement
import Versions

/// The state machine of one put or delete at its coordinator (Dynamo §4.5, §4.6): mint a version here, hand it to the
/// other replicas, answer when W of them (`pw` holders, `dw` durably) have stored it. Where a holder can't be reached,
/// fails or is slow, the next healthy member of the preference list stands in for it.
///
/// It outlives its answer for a little, so that a holder that fails then is stood in for as well.
struct PutCoordination {
    enum Kind {
        case put(returnBody: Bool)
        case delete
    }

    /// Somebody to be sent the version.
    struct Target {
        let member: MemberID
        /// Nil for a holder.
        let standsInFor: MemberID?
    }

    let origin: RequestOrigin
    let kind: Kind
    let key: ObjectKey
    let bucketType: Int
    let partition: Int
    let coordinator: MemberID
    /// Nil: all replicas sync it before they answer. Otherwise this one does so after its answer, and the others in
    /// their own time.
    let durableReplica: MemberID?
    let timeoutMilliseconds: Int
    let deadline: Instant
    private let tally: WriteTally
    private(set) var slots: [ReplicaSlot]
    /// Not engaged yet, best first; nil as long as nobody has worked them out.
    private var standIns: [MemberID]?
    private(set) var minted: VersionedObject?
    /// The holder for which the coordinator itself stands in.
    private(set) var standsInFor: MemberID?
    private(set) var isAnswered = false
    /// Whether the slow have been stood in for.
    private(set) var isHedged = false

    /// - Parameters:
    ///   - slots: Nobody stands in yet.
    ///   - standIns: Who may, best first; none where the request allows holders only; nil where that has still to be
    ///     worked out. The coordinator, if it is no holder, is the first.
    init(
        origin: RequestOrigin, kind: Kind, key: ObjectKey, bucketType: Int, partition: Int, coordinator: MemberID,
        slots: [ReplicaSlot], standIns: [MemberID]?, durableReplica: MemberID?, tally: WriteTally,
        timeoutMilliseconds: Int, deadline: Instant
    ) {
        self.origin = origin
        self.kind = kind
        self.key = key
        self.bucketType = bucketType
        self.partition = partition
        self.coordinator = coordinator
        self.slots = slots
        self.standIns = standIns
        self.durableReplica = durableReplica
        self.tally = tally
        self.timeoutMilliseconds = timeoutMilliseconds
        self.deadline = deadline
    }

    var verdict: QuorumVerdict { tally.verdict(of: slots) }
    var lacking: QuorumCount { tally.lacking(slots) }
    /// Nobody is waited for.
    var isComplete: Bool { !slots.contains(where: \.isOpen) }

    func durability(at replica: MemberID) -> WriteDurability {
        guard let durableReplica else { return .beforeAnswer }
        return replica == durableReplica ? .afterAnswer : .sometime
    }

    mutating func onMinted(_ object: VersionedObject) {
        minted = object
    }

    mutating func markAnswered() {
        isAnswered = true
    }

    /// The holders that were asked, but for the coordinator.
    var askedHolders: [Target] {
        slots.filter { $0.isHolderAsked && $0.holder != coordinator }.map {
            Target(member: $0.holder, standsInFor: nil)
        }
    }

    var needsStandIns: Bool { standIns == nil }

    mutating func setStandIns(_ members: [MemberID]) {
        standIns = members
    }

    /// The coordinator stands in for the first holder, as the first of the stand-ins; nil where it may not.
    mutating func standIn() -> MemberID? {
        guard standIns?.first == coordinator, let holder = slots.first?.holder else { return nil }
        standsInFor = holder
        _ = engage { $0.holder == holder }
        return holder
    }

    /// Stand-ins for the holders that were not asked, then for those of `suspects`.
    mutating func engage(besides suspects: [MemberID]) -> [Target] {
        let missing = engage { !$0.isHolderAsked && !$0.hasStandIn }
        return missing + engage { suspects.contains($0.holder) && !$0.hasStandIn }
    }

    /// A stand-in in the place of a member that has failed, where nobody else fills its slot or may.
    mutating func engage(inPlaceOf member: MemberID) -> [Target] {
        engage { $0.isOf(member) && !$0.isStored && !$0.isOpen }
    }

    /// Stand-ins for the slots that are not filled yet.
    mutating func engageForSlow() -> [Target] {
        isHedged = true
        return engage { !$0.isStored && $0.isOpen && !$0.hasStandIn }
    }

    private mutating func engage(where isWanted: (ReplicaSlot) -> Bool) -> [Target] {
        var engaged: [Target] = []
        for index in slots.indices where isWanted(slots[index]) {
            guard let standIn = standIns?.first else { break }
            standIns?.removeFirst()
            slots[index].engage(standIn)
            engaged.append(Target(member: standIn, standsInFor: slots[index].holder))
        }
        return engaged
    }

    /// Returns false for an answer that was not waited for (a repeated message).
    mutating func onAnswer(from member: MemberID, _ result: Result<Bool, ReplicaFailure>) -> Bool {
        guard minted != nil else { return false }
        for index in slots.indices where slots[index].onAnswer(from: member, result) { return true }
        return false
    }

    /// Whether a member was sent the version and has not answered.
    func waits(for member: MemberID) -> Bool {
        minted != nil && slots.contains { $0.waits(for: member) }
    }
}
