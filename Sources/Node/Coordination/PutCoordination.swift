import Placement
import Versions

/// The state machine of one put or delete at its coordinator (Dynamo §4.5): mint a version here, hand it to the other
/// replicas, answer when W of them (`pw` holders, `dw` durably) have stored it.
struct PutCoordination {
    enum Kind {
        case put(returnBody: Bool)
        case delete
    }

    let origin: RequestOrigin
    let kind: Kind
    let key: ObjectKey
    /// The other replicas it goes to.
    let replicas: [MemberID]
    /// Nil: all of them sync it before they answer. Otherwise this one does so after its answer, and the others in
    /// their own time.
    let durableReplica: MemberID?
    let timeoutMilliseconds: Int
    let deadline: Instant
    private(set) var tally: WriteTally
    private(set) var minted: VersionedObject?
    private var answered: [MemberID] = []

    init(
        origin: RequestOrigin, kind: Kind, key: ObjectKey, replicas: [MemberID],
        durableReplica: MemberID?, tally: WriteTally, timeoutMilliseconds: Int, deadline: Instant
    ) {
        self.origin = origin
        self.kind = kind
        self.key = key
        self.replicas = replicas
        self.durableReplica = durableReplica
        self.tally = tally
        self.timeoutMilliseconds = timeoutMilliseconds
        self.deadline = deadline
    }

    func durability(at replica: MemberID) -> WriteDurability {
        guard let durableReplica else { return .beforeAnswer }
        return replica == durableReplica ? .afterAnswer : .sometime
    }

    mutating func onMinted(_ object: VersionedObject) {
        minted = object
    }

    /// Returns false for an answer that was not waited for (a repeated message).
    mutating func onAnswer(from member: MemberID, _ result: Result<Bool, ReplicaFailure>) -> Bool {
        guard waits(for: member) else { return false }
        answered.append(member)
        switch result {
        case .success(let durable): tally.onStored(isHolder: true, durable: durable)
        case .failure: tally.onFailed(isHolder: true)
        }
        return true
    }

    /// The coordinator's own copy stands.
    mutating func onWritten(durable: Bool) {
        tally.onStored(isHolder: true, durable: durable)
    }

    mutating func onLocalFailure() {
        tally.onFailed(isHolder: true)
    }

    /// Whether a member was sent the version and has not answered.
    func waits(for member: MemberID) -> Bool {
        minted != nil && replicas.contains(member) && !answered.contains(member)
    }
}
