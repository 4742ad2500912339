import Node
import Placement
import Testing

@testable import Simulation

/// Dynamo §4.8.1: "A gossip-based protocol propagates membership changes and maintains an eventually consistent view of
/// membership."
@Suite struct GossipTests {
    @Test("1,000 members agree on a change at one of them within 15 rounds", arguments: [0, 50])
    func agreement(_ lossPermille: Int) {
        for seed in UInt64(0)..<3 {
            var simulation = GossipSimulation(members: 1000, lossPermille: lossPermille, seed: seed)
            #expect(simulation.agree)
            simulation.change(Int(seed) * 300, .member(GossipSimulation.record(Int(seed) * 300, start: 2)))
            let rounds = simulation.roundsToAgree(limit: 15)
            #expect(rounds != nil)
            print("1,000 members, \(lossPermille) of 1,000 messages lost: agreed after \(rounds ?? -1) rounds")
        }
    }

    @Test("a hundred changes at a hundred members are known to all within 15 rounds")
    func manyChanges() {
        var simulation = GossipSimulation(members: 300, seed: 1)
        for number in 0..<100 {
            let change = MembershipChange(
                id: MembershipChange.ID(stamp: UInt64(number), place: GossipSimulation.record(number).member),
                act: .weight(GossipSimulation.record(number).member, 2))
            simulation.change(number * 3, .change(change))
        }
        #expect(simulation.roundsToAgree(limit: 15) != nil)
        #expect(simulation.books[0].count == 400)
    }

    @Test("at rest a member says as many bytes a second among 1,000 as among 100, and few")
    func atRest() {
        var costs: [Int] = []
        for members in [100, 300, 1000] {
            var simulation = GossipSimulation(members: members, seed: 1)
            simulation.round()
            costs.append(simulation.bytes / members)
            #expect(simulation.messages == members)
            print("\(members) members at rest: \(simulation.bytes / members) bytes a member a second")
        }
        #expect(Set(costs).count == 1 && costs[0] < 100)
    }
}
