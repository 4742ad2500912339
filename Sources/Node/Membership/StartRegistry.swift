import Placement

/// Keeps truth 4 over restarts: a node continues the actors of its last incarnation only when a majority of its peers
/// has durably remembered this start, and none knows a later one.
///
/// Two starts that both continue an incarnation were each confirmed by a majority of the other members, so some peer
/// was asked by both, and tells the one that runs on an old copy of the data. That node, and one that is not
/// confirmed in time, goes on as a new incarnation; its lower half is random, so that needs nobody's consent.
///
/// A start that was not confirmed leads to nothing: the next one does not continue it, even after a clean stop. Its
/// number would be above the one that peers know, and nobody would object.
///
/// A peer confirms what follows a start that it knew, in the same incarnation: another life of the node, on an empty
/// disk, counted its starts anew. One that has lost its own memory, or may have (a new disk, an old copy; a crash looks
/// like one), could not object, so it only listens until it has heard the next start itself. One that waits for its own
/// confirmation says nothing yet: two old copies would confirm each other.
struct StartRegistry {
    private enum State {
        case awaiting(confirmedBy: [MemberID])
        case renewing(revision: UInt64)
        case ready
    }

    private struct PendingConfirmation {
        var revision: UInt64
        var member: MemberID
        var start: StartRecord
    }

    /// What was heard of a peer's starts since this node's own start.
    private struct Hearing {
        /// The first start's number.
        let first: UInt64
        /// Whether the record knew of an earlier one, or of this one, then.
        let followsRecord: Bool
    }

    private var state: State
    /// A majority of the other members.
    private let needed: Int
    /// When the node stops waiting for confirmations.
    private let deadline: Instant
    private var pendingConfirmations: [PendingConfirmation] = []
    private var hearings: [MemberID: Hearing] = [:]
    /// This node runs as a new incarnation: what it remembers of its peers may be old.
    private var distrustsRecord: Bool
    /// Times the node had to take a new incarnation because a peer knew a later start.
    private(set) var conflicts = 0

    /// - Parameters:
    ///   - continues: The incarnation is that of the previous start.
    ///   - others: How many other members there are. With none, nobody could tell a node that runs on an old copy.
    init(continues: Bool, others: Int, deadline: Instant) {
        needed = others == 0 ? 0 : others / 2 + 1
        self.deadline = deadline
        distrustsRecord = !continues
        state = continues ? .awaiting(confirmedBy: []) : .ready
    }

    /// Without peers there is nobody to wait for: the node goes on as a new incarnation at once.
    mutating func onStart(keeper: inout RecordKeeper, into queue: inout EffectQueue) {
        guard case .awaiting = state, needed == 0 else { return }
        renew(after: keeper.record.start, keeper: &keeper, into: &queue)
    }

    /// When ``onTick(_:keeper:into:)`` has something to do; nil while nothing but a disk is waited for.
    var nextDeadline: Instant? {
        if case .awaiting = state { deadline } else { nil }
    }

    /// Whether this node may mint versions.
    var isReady: Bool {
        if case .ready = state { true } else { false }
    }

    func onLinkUp(_ peer: MemberID, keeper: RecordKeeper, into queue: inout EffectQueue) {
        queue.emit(.send(.startAnnounced(keeper.record.start), to: peer))
    }

    mutating func onAnnounced(
        _ start: StartRecord, by peer: MemberID, keeper: inout RecordKeeper, into queue: inout EffectQueue
    ) {
        let known = keeper.record.start(of: peer)
        if let known, known != start, !(known.number < start.number) {
            queue.emit(.send(.startConflict(known), to: peer))
            return
        }
        let hearing = hearings[peer] ?? Hearing(first: start.number, followsRecord: known != nil)
        hearings[peer] = hearing
        let mayConfirm =
            known?.incarnation == start.incarnation
            && (start.number > hearing.first || (hearing.followsRecord && !distrustsRecord))
        var revision = keeper.record.revision
        if known != start {
            revision = keeper.change(&queue) { $0.remember(start, of: peer) }
        }
        guard mayConfirm else { return }
        if revision <= keeper.persisted, isReady {
            queue.emit(.send(.startConfirmed(start), to: peer))
        } else {
            // Of a member that says it again meanwhile, the last is confirmed.
            pendingConfirmations.removeAll { $0.member == peer }
            pendingConfirmations.append(PendingConfirmation(revision: revision, member: peer, start: start))
        }
    }

    mutating func onConfirmed(
        _ start: StartRecord, by peer: MemberID, keeper: inout RecordKeeper, into queue: inout EffectQueue
    ) {
        guard case .awaiting(var confirmedBy) = state, start == keeper.record.start, !confirmedBy.contains(peer) else {
            return
        }
        confirmedBy.append(peer)
        guard confirmedBy.count >= needed else {
            state = .awaiting(confirmedBy: confirmedBy)
            return
        }
        state = .ready
        confirmPending(keeper, &queue)
        // Nothing waits for it: until it is durable, the next start is a new incarnation, which is always safe.
        _ = keeper.change(&queue) { $0.isConfirmed = true }
    }

    /// `known` is a start of this node that this node does not know of.
    mutating func onConflict(_ known: StartRecord, keeper: inout RecordKeeper, into queue: inout EffectQueue) {
        let own = keeper.record.start
        guard known.number > own.number || (known.number == own.number && known.session != own.session) else { return }
        conflicts += 1
        renew(after: known, keeper: &keeper, into: &queue)
    }

    mutating func onTick(_ now: Instant, keeper: inout RecordKeeper, into queue: inout EffectQueue) {
        guard case .awaiting = state, deadline <= now else { return }
        renew(after: keeper.record.start, keeper: &keeper, into: &queue)
    }

    /// - Parameter linked: Peers that can be reached now: they are told of a renewed start.
    mutating func onPersisted(keeper: RecordKeeper, linked: [MemberID], into queue: inout EffectQueue) {
        if isReady { confirmPending(keeper, &queue) }
        if case .renewing(let revision) = state, revision <= keeper.persisted {
            state = .ready
            for peer in linked {
                onLinkUp(peer, keeper: keeper, into: &queue)
            }
        }
    }

    private mutating func confirmPending(_ keeper: RecordKeeper, _ queue: inout EffectQueue) {
        var waiting: [PendingConfirmation] = []
        for confirmation in pendingConfirmations {
            if confirmation.revision <= keeper.persisted {
                queue.emit(.send(.startConfirmed(confirmation.start), to: confirmation.member))
            } else {
                waiting.append(confirmation)
            }
        }
        pendingConfirmations = waiting
    }

    private mutating func renew(
        after known: StartRecord, keeper: inout RecordKeeper, into queue: inout EffectQueue
    ) {
        distrustsRecord = true
        pendingConfirmations = []
        let revision = keeper.change(&queue) { record in
            record.isConfirmed = true
            record.start.number = max(known.number, record.start.number) + 1
            let previous = max(known.incarnation, record.start.incarnation)
            record.start.incarnation = NodeRecord.incarnation(after: previous, random: record.start.session)
        }
        state = .renewing(revision: revision)
    }
}
