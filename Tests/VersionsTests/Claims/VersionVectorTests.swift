import NIOCore
import Testing

@testable import Versions

@Suite("Version vectors")
struct VersionVectorTests {
    private func random(_ random: inout SplitMix64) -> VersionVector {
        let actors = (0..<6).filter { _ in random.chance(1, in: 2) }
        return VersionVector(
            sorted: actors.map {
                .init(
                    actor: Actor(node: UInt64($0 / 3), incarnation: UInt64($0 % 3), birth: 0),
                    counter: UInt64(1 + random.below(4)), updated: UInt32(random.below(3)))
            })
    }

    /// The dots covered, one by one.
    private func dots(of vector: VersionVector) -> Set<Dot> {
        Set(vector.entries.flatMap { entry in (1...entry.counter).map { Dot(actor: entry.actor, counter: $0) } })
    }

    @Test("order, cover and join say what the sets of covered dots say")
    func agreesWithSets() {
        for seed in 0..<5_000 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            let left = random(&generator)
            let right = random(&generator)
            let (mine, others) = (dots(of: left), dots(of: right))
            let order: VersionVector.Order =
                mine == others
                ? .equal : mine.isSuperset(of: others) ? .after : mine.isSubset(of: others) ? .before : .concurrent
            #expect(left.compared(to: right) == order, "seed \(seed)")
            #expect(left.descends(from: right) == mine.isSuperset(of: others), "seed \(seed)")
            for dot in others { #expect(left.covers(dot) == mine.contains(dot), "seed \(seed)") }

            var joined = left
            let changed = joined.join(right)
            #expect(dots(of: joined) == mine.union(others), "seed \(seed)")
            #expect(changed == (joined != left), "seed \(seed)")
        }
    }

    @Test("join is commutative, associative and idempotent on ==, times of update included")
    func joinLaws() {
        for seed in 0..<5_000 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            let (a, b, c) = (random(&generator), random(&generator), random(&generator))
            func join(_ left: VersionVector, _ right: VersionVector) -> VersionVector {
                var joined = left
                joined.join(right)
                return joined
            }
            #expect(join(a, b) == join(b, a), "seed \(seed)")
            #expect(join(join(a, b), c) == join(a, join(b, c)), "seed \(seed)")
            #expect(join(a, a) == a, "seed \(seed)")
        }
    }

    @Test("equal counters take the later time of update, a greater counter brings its own")
    func updated() {
        let actor = Actor(node: 1, incarnation: 1, birth: 1)
        func vector(_ counter: UInt64, _ updated: UInt32) -> VersionVector {
            VersionVector(sorted: [.init(actor: actor, counter: counter, updated: updated)])
        }
        var one = vector(3, 10)
        one.join(vector(3, 20))
        #expect(one == vector(3, 20))
        one.join(vector(4, 5))
        #expect(one == vector(4, 5))
        #expect(one != vector(4, 6))
        #expect(one.compared(to: vector(4, 6)) == .equal)
    }

    @Test("actors and dots are ordered by node, incarnation, birth and counter")
    func order() {
        var generator = SplitMix64(seed: 1)
        let actors = [(1, 9, 9), (2, 1, 9), (2, 2, 1), (2, 2, 2)].map {
            Actor(node: $0.0, incarnation: $0.1, birth: $0.2)
        }
        #expect(actors.shuffled(using: &generator).sorted() == actors)
        let dots = actors.flatMap { actor in [1, 2].map { Dot(actor: actor, counter: $0) } }
        #expect(dots.shuffled(using: &generator).sorted() == dots)
    }

    @Test("recording counts up without gaps, and keeps entries sorted")
    func recording() {
        var vector = VersionVector()
        for node in [3, 1, 2] as [UInt64] {
            let actor = Actor(node: node, incarnation: 1, birth: 1)
            for counter in 1...3 as ClosedRange<UInt64> {
                vector.record(Dot(actor: actor, counter: counter), at: UInt32(counter * 10))
            }
        }
        #expect(vector.entries.map(\.actor.node) == [1, 2, 3])
        #expect(vector.entries.allSatisfy { $0.counter == 3 && $0.updated == 30 })
        #expect(vector.counter(of: Actor(node: 2, incarnation: 2, birth: 1)) == 0)
    }

    @Test("a gap in the counters of an actor is a broken invariant, and stops the process")
    func gaps() async {
        await #expect(processExitsWith: .failure) {
            var vector = VersionVector()
            vector.record(Dot(actor: Actor(node: 1, incarnation: 1, birth: 1), counter: 2), at: 0)
        }
    }
}
