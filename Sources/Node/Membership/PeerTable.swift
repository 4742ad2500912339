import Placement

/// The members as this node meets them: which can be asked, and which look well. The flat order of the members is the
/// order of everything kept per member.
struct PeerTable {
    let members: [MemberID]
    let me: MemberID
    private let patience: PeerHealth.Patience
    private(set) var peers: [PeerHealth]

    init(members: [MemberID], me: MemberID, patience: PeerHealth.Patience = PeerHealth.Patience()) {
        self.members = members.sorted()
        self.me = me
        self.patience = patience
        peers = self.members.map { _ in PeerHealth() }
    }

    func index(of member: MemberID) -> Int? {
        var low = 0
        var high = members.count
        while low < high {
            let middle = (low + high) / 2
            if members[middle] < member { low = middle + 1 } else { high = middle }
        }
        return low < members.count && members[low] == member ? low : nil
    }

    mutating func setLinked(_ isLinked: Bool, _ member: MemberID) {
        guard let index = index(of: member) else { return }
        peers[index].onLink(isLinked)
    }

    /// A message goes to the member that it has to answer.
    mutating func onAsked(_ member: MemberID, _ now: Instant) {
        guard let index = index(of: member) else { return }
        peers[index].onAsked(now, patience)
    }

    /// The member has said something. Returns whether it is up now and was not before.
    mutating func onHeard(_ member: MemberID, _ now: Instant) -> Bool {
        guard let index = index(of: member) else { return false }
        return peers[index].onHeard(now)
    }

    var nextDeadline: Instant? {
        peers.reduce(nil) { earliest, peer in
            guard let earliest, let next = peer.nextDeadline else { return earliest ?? peer.nextDeadline }
            return min(earliest, next)
        }
    }

    /// The members to probe now, and of them those that nothing else is sent to from now on.
    mutating func onTick(_ now: Instant) -> [(member: MemberID, wentDown: Bool)] {
        var probed: [(member: MemberID, wentDown: Bool)] = []
        for index in peers.indices {
            let wasReachable = peers[index].isReachable
            guard peers[index].onTick(now, patience) else { continue }
            probed.append((members[index], wasReachable && !peers[index].isReachable))
        }
        return probed
    }

    /// Whether a request can be sent to the member; oneself always.
    func canReach(_ member: MemberID) -> Bool {
        member == me || index(of: member).map { peers[$0].isReachable } ?? false
    }

    /// Whether the member can be reached and owes no answer for long; oneself always.
    func isUp(_ member: MemberID) -> Bool {
        member == me || index(of: member).map { peers[$0].isReachable && peers[$0].condition == .up } ?? false
    }

    func isUp(at index: Int) -> Bool { peers[index].isReachable && peers[index].condition == .up }

    var linkedMembers: [MemberID] {
        members.indices.filter { peers[$0].isLinked }.map { members[$0] }
    }
}
