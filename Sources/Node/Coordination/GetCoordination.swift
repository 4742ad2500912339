import Placement
import Versions

/// The state machine of one get at its coordinator (Dynamo §4.5, §5): ask R replicas, hedge the slow, reconcile,
/// answer, and afterwards repair the replicas that returned something older.
///
/// Stand-ins are asked for what they keep for holders that cannot be reached (§4.6). What they have counts towards R,
/// that they have nothing does not.
struct GetCoordination {
    /// Whom the result is for.
    enum Purpose {
        case client(RequestID)
        /// A write that depends on what is there.
        case write(WriteOrder, RequestOrigin)
    }

    struct Answer {
        let member: MemberID
        /// Nil where the replica's copy can't be read.
        let object: VersionedObject??
    }

    let purpose: Purpose
    let key: ObjectKey
    let bucketType: Int
    let partition: Int
    let policy: ConflictPolicy
    let timeoutMilliseconds: Int
    let deadline: Instant

    /// The replicas that can be reached, in the order in which they are asked: holders, then stand-ins.
    private let candidates: [MemberID]
    private let holderCount: Int
    /// Holders that stand-ins are asked about.
    let stoodInFor: [MemberID]
    private var asked = 0
    private(set) var tally: ReadTally
    private(set) var answers: [Answer] = []
    /// What the answers so far make together.
    private(set) var merged: VersionedObject?
    /// The holder that answered first (Dynamo §6.4).
    private(set) var fastest: MemberID?
    private(set) var isAnswered = false
    /// Whether it has answered and had its extra time for late replies.
    private(set) var isSettling = false

    init(
        purpose: Purpose, key: ObjectKey, bucketType: Int, partition: Int, policy: ConflictPolicy,
        holders: [MemberID], standIns: [MemberID], stoodInFor: [MemberID], tally: ReadTally, timeoutMilliseconds: Int,
        deadline: Instant
    ) {
        self.purpose = purpose
        self.key = key
        self.bucketType = bucketType
        self.partition = partition
        self.policy = policy
        candidates = holders + standIns
        holderCount = holders.count
        self.stoodInFor = stoodInFor
        self.tally = tally
        self.timeoutMilliseconds = timeoutMilliseconds
        self.deadline = deadline
    }

    func isHolder(_ member: MemberID) -> Bool { candidates[..<holderCount].contains(member) }

    /// Whether a hedge would find a replica that has not been asked.
    var hasMoreToAsk: Bool { asked < candidates.count }

    /// The replicas to ask now, so that as many are asked as answers are missing; `extra` more to hedge.
    mutating func replicasToAsk(extra: Int = 0) -> ArraySlice<MemberID> {
        let waitedFor = asked - answers.count
        let count = max(0, min(candidates.count - asked, tally.wanted - waitedFor + extra))
        defer { asked += count }
        return candidates[asked..<asked + count]
    }

    /// Returns false for an answer that was not waited for (a repeated message).
    mutating func onAnswer(from member: MemberID, _ result: Result<VersionedObject?, ReplicaFailure>) -> Bool {
        guard candidates[..<asked].contains(member), !answers.contains(where: { $0.member == member }) else {
            return false
        }
        let isHolder = isHolder(member)
        switch result {
        case .success(let object?):
            if isHolder { fastest = fastest ?? member }
            tally.onFound(isHolder: isHolder)
            answers.append(Answer(member: member, object: .some(object)))
            if merged == nil {
                merged = object
            } else {
                _ = merged?.merge(object, policy: policy)
            }
        case .success(nil):
            if isHolder {
                fastest = fastest ?? member
                tally.onNotFound(isHolder: true)
            } else {
                tally.onNothingKept()
            }
            answers.append(Answer(member: member, object: .some(nil)))
        case .failure:
            tally.onFailed(isHolder: isHolder)
            answers.append(Answer(member: member, object: nil))
        }
        return true
    }

    /// Whether a member has been asked and has not answered.
    func waits(for member: MemberID) -> Bool {
        candidates[..<asked].contains(member) && !answers.contains { $0.member == member }
    }

    mutating func markAnswered() {
        isAnswered = true
    }

    mutating func markSettling() {
        isSettling = true
    }

    /// All that were asked have answered: nothing more will be learnt.
    var isComplete: Bool { answers.count == asked }

    /// The holders that returned less than the answers make together, damaged copies included (Dynamo §5, read
    /// repair).
    var staleReplicas: [MemberID] {
        guard let merged else { return [] }
        return answers.filter { isHolder($0.member) }.compactMap { answer in
            switch answer.object {
            case .some(.some(let object)): object == merged ? nil : answer.member
            case .some(.none), .none: answer.member
            }
        }
    }
}
