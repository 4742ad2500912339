import Engines
import NIOConcurrencyHelpers
import NIOCore
import Node
import Placement
import Testing
import Versions

@testable import Storage

@Suite struct ObjectStoreTests {
    private let key = StoreFixture.key("k")

    @Test("what is put is read, after a reopening too, on every engine", arguments: EngineKind.allCases)
    func everyEngine(_ kind: EngineKind) throws {
        let folder = try TemporaryFolder()
        let engine = try EngineFactory.open(kind, at: folder.path + "/data")
        let fixture = try StoreFixture(engine)
        #expect(try fixture.read(key) == nil)
        var objects: [ObjectKey: VersionedObject] = [:]
        for number in 0..<50 {
            let key = StoreFixture.key("key-\(number)")
            _ = try fixture.put("first", to: key)
            objects[key] = try fixture.put("second", to: key, context: try fixture.read(key)?.context())
        }
        for (key, object) in objects { #expect(try fixture.read(key) == object && object.values == ["second"]) }
        #expect(try fixture.store.close())
        guard kind != .memory else { return }
        let again = try StoreFixture(try EngineFactory.open(kind, at: folder.path + "/data"))
        for (key, object) in objects { #expect(try again.read(key) == object) }
        #expect(try again.store.close())
    }

    @Test("operations of one group see those before them, and take one commit and one sync")
    func group() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        _ = try fixture.put("warm up", to: StoreFixture.key("other"))
        let commits = engine.commits.count
        let foreign = try StoreFixture.foreign("foreign")
        let completions = fixture.perform(
            StoreFixture.request(StoreFixture.mint("a", durable: false), key, token: 1),
            StoreFixture.request(StoreFixture.mint("b"), key, token: 2),
            StoreFixture.request(.merge(foreign, .siblings, .sometime), key, token: 3),
            StoreFixture.request(StoreFixture.mint("c", durable: false), key, token: 4))
        #expect(engine.commits.count == commits + 1)
        #expect(engine.commits.last?.durability == .synced, "as durable as the strictest asks")
        let minted = completions.compactMap { if case .minted(_, let object) = $0 { object.values } else { nil } }
        #expect(minted == [["a"], ["a", "b"], ["a", "b", "c", "foreign"]])
        #expect(try fixture.read(key)?.values == ["a", "b", "c", "foreign"])
        let written = completions.compactMap { if case .written(let token, true) = $0 { token.rawValue } else { nil } }
        #expect(written == [1, 2, 3, 4])
    }

    @Test("minted versions are handed out before the commit, the rest after it")
    func order() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        _ = try fixture.put("warm up", to: key)
        var log: [String] = []
        fixture.store.perform(
            [StoreFixture.request(StoreFixture.mint("a"), key)],
            flush: { log.append("flush after \(engine.commits.count)") },
            {
                switch $0 {
                case .minted: log.append("minted after \(engine.commits.count)")
                case .written: log.append("written after \(engine.commits.count)")
                default: log.append("?")
                }
            })
        let before = engine.commits.count - 1
        #expect(log == ["minted after \(before)", "flush after \(before)", "written after \(before + 1)"])
    }

    @Test("a merge that changes nothing writes nothing")
    func nothingNew() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        let foreign = try StoreFixture.foreign("foreign")
        fixture.perform(StoreFixture.request(.merge(foreign, .siblings, .beforeAnswer), key))
        let commits = engine.commits.count
        let syncs = engine.syncs
        let again = fixture.perform(StoreFixture.request(.merge(foreign, .siblings, .beforeAnswer), key))
        guard case .written(_, durable: true)? = again.first else {
            Issue.record("\(again)")
            return
        }
        #expect(engine.commits.count == commits && engine.syncs == syncs)
    }

    @Test("a durable merge that changes nothing still syncs what was written before it without a sync")
    func syncDue() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        // The first mint reserves births, with a sync.
        _ = try fixture.put("warm up", to: StoreFixture.key("other"))
        let foreign = try StoreFixture.foreign("foreign")
        let first = fixture.perform(StoreFixture.request(.merge(foreign, .siblings, .sometime), key))
        guard case .written(_, durable: false)? = first.first else {
            Issue.record("\(first)")
            return
        }
        let second = fixture.perform(StoreFixture.request(.merge(foreign, .siblings, .beforeAnswer), key))
        guard case .written(_, durable: true)? = second.first else {
            Issue.record("\(second)")
            return
        }
        #expect(engine.syncs == 1)
        engine.loseUnsynced()
        #expect(try fixture.read(key) == foreign)
    }

    @Test("commits that a killed process left are not taken for synced ones")
    func killed() throws {
        let engine = FailingEngine()
        let foreign = try StoreFixture.foreign("foreign")
        let first = try StoreFixture(engine)
        _ = try first.put("warm up", to: StoreFixture.key("other"))
        first.perform(StoreFixture.request(.merge(foreign, .siblings, .sometime), key))
        // The process is gone, the machine is not: another store opens what the page cache has.
        let second = try StoreFixture(engine)
        let again = second.perform(StoreFixture.request(.merge(foreign, .siblings, .beforeAnswer), key))
        guard case .written(_, durable: true)? = again.first else {
            Issue.record("\(again)")
            return
        }
        engine.loseUnsynced()
        #expect(try second.read(key) == foreign)
    }

    @Test("a merge that supersedes nothing keeps what is stored, and the mark goes on")
    func mergeKeepsMark() throws {
        let fixture = try StoreFixture(FailingEngine())
        let own = try fixture.put("own", to: key)
        fixture.perform(
            StoreFixture.request(.merge(try StoreFixture.foreign("foreign"), .siblings, .beforeAnswer), key))
        let next = try fixture.put("next", to: key)
        #expect(next.values == ["foreign", "next", "own"])
        #expect(next.newest.dot.actor == own.newest.dot.actor, "the same actor goes on counting")
        #expect(next.newest.dot.counter == own.newest.dot.counter + 1)
    }

    @Test("a damaged record is a failure to a reader, never nothing, and is reported and counted")
    func damagedRead() throws {
        let engine = FailingEngine()
        let reported = NIOLockedValueBox<[ObjectKey]>([])
        let fixture = try StoreFixture(engine) { key, _ in reported.withLockedValue { $0.append(key) } }
        _ = try fixture.put("a", to: key)
        let recordKey = RecordKey.object(key, partition: 3)
        var value = try #require(try engine.value(of: recordKey))
        value.setInteger(UInt8(0xAA), at: value.writerIndex - 1)
        try engine.overwrite(recordKey, with: value)
        guard case .failed(_, .damaged) = fixture.store.read(StoreFixture.request(.read, key)) else {
            Issue.record("a damaged record was read")
            return
        }
        #expect(reported.withLockedValue { $0 } == [key])
        #expect(fixture.store.statistics.damagedRecords == 1)
    }

    @Test("a damaged record is overwritten by what comes, under another actor")
    func damagedWrite() throws {
        for byMerge in [true, false] {
            let engine = FailingEngine()
            let fixture = try StoreFixture(engine)
            let before = try fixture.put("a", to: key)
            try engine.overwrite(RecordKey.object(key, partition: 3), with: ByteBuffer(string: "garbage"))
            if byMerge {
                fixture.perform(StoreFixture.request(.merge(before, .siblings, .beforeAnswer), key))
                #expect(try fixture.read(key) == before)
            }
            let after = try fixture.put("b", to: key)
            #expect(after.newest.dot.actor != before.newest.dot.actor, "without its mark no actor goes on")
        }
    }

    @Test("a refused mint leaves everything as it was, and the others of its group stand")
    func refused() throws {
        let fixture = try StoreFixture(FailingEngine())
        _ = try fixture.put("a", to: key)
        let object = try fixture.put("b", to: key)
        let other = StoreFixture.key("other")
        let completions = fixture.perform(
            StoreFixture.request(StoreFixture.mint("c", maximumSiblings: 2), key, token: 1),
            StoreFixture.request(StoreFixture.mint("d"), other, token: 2))
        guard case .failed(_, .tooManySiblings(count: 3, limit: 2))? = completions.first else {
            Issue.record("\(completions)")
            return
        }
        #expect(completions.count == 3)
        #expect(try fixture.read(key) == object)
        #expect(try fixture.read(other)?.values == ["d"])
    }

    @Test("an object beyond the engine's limit is refused with both sizes, and the group goes on")
    func tooLarge() throws {
        let fixture = try StoreFixture(FailingEngine())
        let content = Content(value: ByteBuffer(repeating: 1, count: EngineLimits.maximumValueLength))
        let mint = Mint(content: content, context: nil, now: HybridTime(milliseconds: 1), policy: .siblings)
        let completions = fixture.perform(
            StoreFixture.request(.mint(mint, by: StoreFixture.minter, .beforeAnswer), key, token: 1),
            StoreFixture.request(StoreFixture.mint("small"), key, token: 2))
        guard case .failed(let token, .tooLarge(let bytes, EngineLimits.maximumValueLength))? = completions.first,
            token.rawValue == 1
        else {
            Issue.record("\(completions)")
            return
        }
        #expect(bytes > EngineLimits.maximumValueLength)
        #expect(try fixture.read(key)?.values == ["small"])
    }

    @Test("a failed sync ends the store: every later write fails, and nothing says success")
    func failedSync() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        _ = try fixture.put("a", to: key)
        engine.failures = [.syncFailed]
        let failed = fixture.perform(StoreFixture.request(StoreFixture.mint("b"), key))
        guard case .failed(_, .ended)? = failed.last else {
            Issue.record("\(failed)")
            return
        }
        for operation in [StoreFixture.mint("c"), .merge(try StoreFixture.foreign("d"), .siblings, .sometime)] {
            let later = fixture.perform(StoreFixture.request(operation, key))
            guard later.count == 1, case .failed(_, .ended) = later[0] else {
                Issue.record("\(later)")
                continue
            }
        }
        #expect(try fixture.store.close() == false, "it is no clean stop")
    }

    @Test("the figures are those of what was done")
    func statistics() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        fixture.perform(
            StoreFixture.request(StoreFixture.mint("a"), key, token: 1),
            StoreFixture.request(StoreFixture.mint("b"), key, token: 2), StoreFixture.request(.read, key, token: 3))
        engine.failures = [.full]
        fixture.perform(StoreFixture.request(StoreFixture.mint("c"), key))
        var expected = ObjectStoreStatistics()
        expected.writes = 2
        expected.groups = 1
        expected.failedGroups = 1
        #expect(fixture.store.statistics == expected)
    }
}
