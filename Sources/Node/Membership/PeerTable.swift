import Placement

/// Which members messages can be sent to now. The flat order of the members is the order of everything kept per member.
struct PeerTable {
    let members: [MemberID]
    let me: MemberID
    private var linked: [Bool]

    init(members: [MemberID], me: MemberID) {
        self.members = members.sorted()
        self.me = me
        linked = self.members.map { _ in false }
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
        linked[index] = isLinked
    }

    /// Whether a request can be sent to the member; oneself always.
    func canReach(_ member: MemberID) -> Bool {
        member == me || index(of: member).map { linked[$0] } ?? false
    }

    var linkedMembers: [MemberID] {
        members.indices.filter { linked[$0] }.map { members[$0] }
    }
}
