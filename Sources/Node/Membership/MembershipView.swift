public import Placement

/// Who is a member, and what is staged: worked out from all changes that are known, so it is the same on all nodes that
/// know the same, in whatever order they came to know it.
///
/// Acts are staged first, and take effect with a commit. Whatever came before it in the order of changes counts; of a
/// commit and an abort of the same act the earlier one counts, but for an abort of what is committed and not done yet,
/// which undoes it.
public struct MembershipView: Sendable, Equatable {
    /// Sorted by id; without removed ones.
    public private(set) var members: [Member] = []
    /// Members once, and never again: their gossip does not bring them back.
    public private(set) var removed: [MemberID] = []
    /// What waits for a commit, in order.
    public private(set) var staged: [MembershipChange] = []
    /// The member whose place another one takes.
    public private(set) var replacements: [Replacement] = []

    public struct Replacement: Sendable, Equatable {
        public var member: MemberID
        public var by: MemberID
    }

    /// - Parameters:
    ///   - founders: Members without an act.
    ///   - records: By member. One that has joined is found fit when it says that it has every store.
    ///   - stores: Names that bucket types need.
    public init(
        founders: [Member], changes: [MembershipChange], records: [MemberID: MemberRecord], stores: [String]
    ) {
        let acts = Acts(changes)
        staged = acts.staged
        var members = founders
        for change in acts.begun {
            if case .join(let id, let name, let zone, let weight) = change.act,
                !members.contains(where: { $0.id == id }),
                var member = try? Member(id: id, name: name, zone: zone, weight: weight, status: .joining)
            {
                let has = records[id]?.stores ?? []
                if records[id] != nil, stores.allSatisfy({ has.contains($0) }) { member.status = .valid }
                // Committed, and then undone: it passes on what it has got.
                if acts.isUndone(change.id) { member.status = .leaving }
                members.append(member)
            }
        }
        var gone: Set<MemberID> = []
        for change in acts.begun {
            switch change.act {
            case .remove(let id): gone.insert(id)
            case .replace(let id, let other):
                gone.insert(id)
                replacements.append(Replacement(member: id, by: other))
            case .leave(let id) where !acts.isUndone(change.id): Self.change(id, in: &members) { $0.status = .leaving }
            case .weight(let id, let weight) where !acts.isUndone(change.id):
                Self.replace(id, in: &members) { try? $0.with(weight: weight) }
            case .zone(let id, let zone) where !acts.isUndone(change.id):
                Self.replace(id, in: &members) { try? $0.with(zone: zone) }
            case .join, .leave, .weight, .zone, .commit, .abort, .left: break
            }
        }
        for id in acts.left where members.contains(where: { $0.id == id && $0.status == .leaving }) { gone.insert(id) }
        self.members = members.filter { !gone.contains($0.id) }.sorted { $0.id < $1.id }
        removed = gone.sorted()
    }

    private static func change(_ id: MemberID, in members: inout [Member], _ body: (inout Member) -> Void) {
        guard let index = members.firstIndex(where: { $0.id == id }) else { return }
        body(&members[index])
    }

    private static func replace(_ id: MemberID, in members: inout [Member], _ body: (Member) -> Member?) {
        change(id, in: &members) { member in member = body(member) ?? member }
    }

    /// The changes, sorted out: what is staged, what has begun, and which of that is to be undone.
    private struct Acts {
        var staged: [MembershipChange] = []
        var begun: [MembershipChange] = []
        var left: [MemberID] = []
        private var undone: Set<MembershipChange.ID> = []

        func isUndone(_ id: MembershipChange.ID) -> Bool { undone.contains(id) }

        init(_ changes: [MembershipChange]) {
            var aborted: Set<MembershipChange.ID> = []
            var committed: Set<MembershipChange.ID> = []
            for change in changes.sorted(by: { $0.id < $1.id }) {
                switch change.act {
                case .commit(let ids): committed.formUnion(ids.filter { !aborted.contains($0) })
                case .abort(let ids):
                    aborted.formUnion(ids)
                    undone.formUnion(ids)
                case .left(let member): left.append(member)
                default: staged.append(change)
                }
            }
            begun = staged.filter { committed.contains($0.id) }
            staged.removeAll { committed.contains($0.id) || aborted.contains($0.id) }
        }
    }
}

extension Member {
    fileprivate func with(weight: Double) throws(PlacementError) -> Member {
        try Member(id: id, name: name, zone: zone, weight: weight, status: status)
    }

    fileprivate func with(zone: String) throws(PlacementError) -> Member {
        try Member(id: id, name: name, zone: zone, weight: weight, status: status)
    }
}
