import Engines
import NIOCore
import Node
import Placement
import Testing
import Versions

@testable import Storage

/// Truth: a dot is never used twice.
@Suite struct BirthTests {
    @Test("births never repeat, across keys, incarnations, reopenings, losses of what was not synced, failed commits")
    func neverTwice() throws {
        for seed in UInt64(0)..<30 {
            var generator = SplitMix64(seed: seed)
            let engine = FailingEngine()
            var fixture = try StoreFixture(engine)
            var incarnation: UInt64 = 1
            var dots: Set<String> = []
            for step in 0..<200 {
                switch generator.below(12) {
                case 0:
                    // A clean stop.
                    if try !fixture.store.close() { incarnation += 1 }
                    fixture = try StoreFixture(engine)
                case 1:
                    // A crash.
                    engine.loseUnsynced()
                    incarnation += 1
                    fixture = try StoreFixture(engine)
                case 2: engine.failures = [generator.below(2) == 0 ? .full : .failed]
                default:
                    let key = StoreFixture.key("\(generator.below(4))")
                    let minter = Minter(node: 7, incarnation: incarnation)
                    let operation = StoreFixture.mint("\(step)", minter: minter, durable: generator.below(2) == 0)
                    for completion in fixture.perform(StoreFixture.request(operation, key)) {
                        // Minted is minted, even if the commit fails then: others may have it.
                        guard case .minted(_, let object) = completion else { continue }
                        let isNew = dots.insert("\(key) \(object.newest.dot)").inserted
                        if !isNew { Issue.record("seed \(seed), step \(step): \(object.newest.dot) twice") }
                    }
                }
            }
            #expect(dots.count > 50, "seed \(seed)")
        }
    }

    @Test("after a clean stop the actor goes on, in another incarnation it does not")
    func continuation() throws {
        let engine = FailingEngine()
        let key = StoreFixture.key("k")
        let first = try StoreFixture(engine)
        let actor = try first.put("a", to: key).newest.dot.actor
        #expect(try first.store.close())
        let second = try StoreFixture(engine)
        #expect(try second.put("b", to: key).newest.dot == Dot(actor: actor, counter: 2))
        let next = Minter(node: 7, incarnation: 4)
        let other = try second.put("c", to: key, minter: next).newest.dot
        #expect(other.actor != actor && other.counter == 1)
    }

    @Test("after a failed commit nothing that was born before goes on, and the stop is not clean")
    func failedCommit() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        let first = StoreFixture.key("first")
        let second = StoreFixture.key("second")
        let before = [first, second]
        let actors = try before.map { try fixture.put("a", to: $0).newest.dot.actor }
        engine.failures = [.full]
        let failed = fixture.perform(StoreFixture.request(StoreFixture.mint("b"), first))
        guard failed.count == 2, case .minted(_, let lost) = failed[0], case .failed(_, .full) = failed[1] else {
            Issue.record("\(failed)")
            return
        }
        for (key, actor) in zip(before, actors) {
            let next = try fixture.put("c", to: key).newest.dot
            #expect(next.actor != actor && next != lost.newest.dot)
        }
        #expect(try fixture.store.close() == false)
    }

    @Test("a failed commit of merges alone is no reason for new births")
    func failedMerge() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        let key = StoreFixture.key("k")
        let actor = try fixture.put("a", to: key).newest.dot.actor
        engine.failures = [.full]
        fixture.perform(
            StoreFixture.request(.merge(try StoreFixture.foreign("b"), .siblings, .beforeAnswer), key))
        #expect(try fixture.put("c", to: key).newest.dot.actor == actor)
        #expect(try fixture.store.close())
    }

    @Test("births are reserved durably before the first is given")
    func reservedFirst() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        _ = try fixture.put("a", to: StoreFixture.key("k"), durable: false)
        #expect(engine.commits.first?.durability == .synced)
        #expect(engine.commits.first?.batch.operations.count == 1, "the reservation alone")
    }

    @Test("a reservation that fails fails the mint, which hands nothing out")
    func reservationFails() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        engine.failures = [.full]
        let completions = fixture.perform(StoreFixture.request(StoreFixture.mint("a"), StoreFixture.key("k")))
        guard completions.count == 1, case .failed(_, .full) = completions[0] else {
            Issue.record("\(completions)")
            return
        }
        #expect(try fixture.put("a", to: StoreFixture.key("k")).values == ["a"])
        #expect(try fixture.store.close())
    }

    @Test("a damaged births record is not opened: a lower number would give births twice")
    func damagedBirths() throws {
        let engine = FailingEngine()
        _ = try StoreFixture(engine).put("a", to: StoreFixture.key("k"))
        let key = try #require(try engine.keys().first)
        let sound = try #require(try engine.value(of: key))
        for bit in 0..<sound.readableBytes * 8 {
            var flipped = ByteBuffer(bytes: sound.readableBytesView)
            let byte = try #require(flipped.getInteger(at: bit / 8, as: UInt8.self))
            flipped.setInteger(byte ^ (1 << UInt8(bit % 8)), at: bit / 8)
            try engine.overwrite(key, with: flipped)
            #expect(throws: EngineError.self, "bit \(bit)") { try StoreFixture(engine) }
        }
        for length in 0..<sound.readableBytes {
            try engine.overwrite(key, with: try #require(sound.getSlice(at: 0, length: length)))
            #expect(throws: EngineError.self, "\(length) bytes") { try StoreFixture(engine) }
        }
    }

    @Test("a client that has seen more of this node's writes than its record has makes a new actor")
    func contextAhead() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        let key = StoreFixture.key("k")
        let first = try fixture.put("a", to: key)
        let older = try engine.value(of: RecordKey.object(key, partition: 3))
        let second = try fixture.put("b", to: key, context: first.context())
        // The record goes back to what it was: a backup of that one store.
        try engine.overwrite(RecordKey.object(key, partition: 3), with: try #require(older))
        let third = try fixture.put("c", to: key, context: second.context())
        #expect(third.newest.dot.actor != second.newest.dot.actor)
        #expect(third.values == ["c"])
    }

    @Test("only the store that a start has closed is that start's: no copy made before or while it ran")
    func binding() throws {
        func start(_ number: UInt64) -> StartRecord {
            StartRecord(number: number, session: 100 + number, incarnation: 1)
        }
        let engine = FailingEngine()
        var fixture = try StoreFixture(engine)
        #expect(try !fixture.store.wasClosed(by: start(1)), "an empty one")
        try fixture.store.use(by: start(1))
        // What stands now is what a copy made while it runs would hold.
        fixture = try StoreFixture(engine)
        #expect(try !fixture.store.wasClosed(by: start(1)))

        try fixture.store.use(by: start(1))
        #expect(try fixture.store.close())
        fixture = try StoreFixture(engine)
        #expect(try fixture.store.wasClosed(by: start(1)))
        #expect(try !fixture.store.wasClosed(by: start(2)), "one closed by an earlier start")

        // A commit that failed after its version went out: the store is not closed as a sound one.
        try fixture.store.use(by: start(2))
        let operation = StoreFixture.mint("x", minter: Minter(node: 7, incarnation: 1), durable: true)
        _ = fixture.perform(StoreFixture.request(operation, StoreFixture.key("k")))
        engine.failures = [.failed]
        _ = fixture.perform(StoreFixture.request(operation, StoreFixture.key("k")))
        #expect(try !fixture.store.close())
        #expect(try !StoreFixture(engine).store.wasClosed(by: start(2)))
    }
}
