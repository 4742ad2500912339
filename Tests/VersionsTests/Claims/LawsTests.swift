import Testing

@testable import Versions

@Suite("Laws of merging, over random histories")
struct LawsTests {
    private static let policies: [ConflictPolicy] = [.siblings, .lastWriteWins]

    @Test("merge is commutative, associative and idempotent on ==")
    func mergeIsAJoin() throws {
        var compared = 0
        for seed in 0..<600 as Range<UInt64> {
            let policy = Self.policies[Int(seed % 2)]
            var history = RandomHistory(seed: seed, settings: .init(policy: policy, faults: seed % 4 > 1))
            for _ in 0..<40 { _ = try history.step() }
            for _ in 0..<20 {
                guard let a = history.anyMessage(), let b = history.anyMessage(), let c = history.anyMessage() else {
                    continue
                }
                let ab = a.merged(with: b, policy: policy)
                #expect(ab == b.merged(with: a, policy: policy), "commutative, seed \(seed)")
                let left = ab.merged(with: c, policy: policy)
                let right = a.merged(with: b.merged(with: c, policy: policy), policy: policy)
                #expect(left == right, "associative, seed \(seed)")
                #expect(ab.merged(with: b, policy: policy) == ab, "absorbs, seed \(seed)")
                #expect(a.merged(with: a, policy: policy) == a, "idempotent, seed \(seed)")
                compared += 1
            }
        }
        #expect(compared > 10_000)
    }

    @Test("last-write-wins merges of objects that were kept as siblings are commutative and associative too")
    func policyChanges() throws {
        for seed in 0..<300 as Range<UInt64> {
            var history = RandomHistory(seed: seed)
            for _ in 0..<40 { _ = try history.step() }
            for _ in 0..<20 {
                guard let a = history.anyMessage(), let b = history.anyMessage(), let c = history.anyMessage() else {
                    continue
                }
                let ab = a.merged(with: b, policy: .lastWriteWins)
                #expect(ab == b.merged(with: a, policy: .lastWriteWins), "seed \(seed)")
                #expect(ab.siblings.count == 1, "seed \(seed)")
                let late = a.merged(with: b, policy: .siblings).merged(with: c, policy: .lastWriteWins)
                #expect(ab.merged(with: c, policy: .lastWriteWins) == late, "seed \(seed)")
            }
        }
    }

    @Test("a replica holds exactly the versions that nothing it has seen supersedes, faults or not")
    func siblingsAreExact() throws {
        var widest = 0
        for seed in 0..<2_000 as Range<UInt64> {
            let settings = RandomHistory.Settings(
                policy: Self.policies[Int(seed % 2)], faults: seed % 4 > 1)
            var history = RandomHistory(seed: seed, settings: settings)
            for step in 0..<50 {
                let node = history.nodes[try history.step()]
                let held = RandomHistory.numbers(of: node.replica.record)
                let truth = history.truth(of: node.seen)
                widest = max(widest, truth.count)
                guard held == truth else {
                    Issue.record("seed \(seed) step \(step): holds \(held), should hold \(truth)")
                    return
                }
            }
        }
        #expect(widest >= 6, "the histories are concurrent enough to mean something")
    }

    @Test("after everybody has heard everybody, all replicas are equal and hold the truth")
    func convergence() throws {
        for seed in 0..<1_000 as Range<UInt64> {
            let settings = RandomHistory.Settings(
                policy: Self.policies[Int(seed % 2)], faults: seed % 4 > 1)
            var history = RandomHistory(seed: seed, settings: settings)
            for _ in 0..<50 { _ = try history.step() }
            history.converge()
            let first = history.nodes[0]
            for node in history.nodes {
                #expect(node.replica.record == first.replica.record, "seed \(seed)")
                #expect(node.seen == first.seen, "seed \(seed)")
            }
            #expect(
                RandomHistory.numbers(of: first.replica.record) == history.truth(of: first.seen), "seed \(seed)")
        }
    }

    @Test("the same histories with faults lose writes where a node goes on counting naively")
    func theFaultsAreReal() throws {
        var lost = 0
        for seed in 0..<400 as Range<UInt64> {
            var history = RandomHistory(seed: seed, settings: .init(faults: true, naiveActors: true))
            for _ in 0..<50 { _ = try history.step() }
            history.converge()
            let node = history.nodes[0]
            let held = Set(RandomHistory.numbers(of: node.replica.record))
            if !held.isSuperset(of: history.truth(of: node.seen)) { lost += 1 }
        }
        #expect(lost > 100, "\(lost) of 400 histories")
    }

    @Test("a context that has seen some versions erases those and no other, and what is erased never returns")
    func contextsEraseWhatTheySaw() throws {
        var erasures = 0
        for seed in 0..<500 as Range<UInt64> {
            var history = RandomHistory(seed: seed)
            var gone: [Set<Dot>] = history.nodes.map { _ in [] }
            for _ in 0..<60 {
                let before = history.nodes
                let node = try history.step()
                let old = before[node].replica.record
                guard let new = history.nodes[node].replica.record else { continue }
                for sibling in new.siblings {
                    #expect(!gone[node].contains(sibling.dot), "seed \(seed): \(sibling.dot) came back")
                    #expect(history.writes.contains { $0.sibling == sibling }, "seed \(seed): \(sibling) was never put")
                }
                for sibling in old?.siblings ?? [] where !new.holds(sibling.dot) {
                    gone[node].insert(sibling.dot)
                    erasures += 1
                    let culprits = history.writes.indices.filter { number in
                        history.nodes[node].seen & (1 << number) != 0
                            && history.writes[number].past & (1 << (Int(sibling.value) ?? 0)) != 0
                    }
                    #expect(!culprits.isEmpty, "seed \(seed): nobody who saw \(sibling.dot) wrote after it")
                }
            }
        }
        #expect(erasures > 2_000)
    }
}
