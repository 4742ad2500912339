import Engines
import NIOConcurrencyHelpers
import NIOCore
import Node
import Testing
import Versions

@testable import Storage

/// A store whose engine can make writes durable behind its answers (Dynamo §6.1).
@Suite struct LaterDurabilityTests {
    private let engine = FailingEngine()
    private let fixture: StoreFixture
    private let later = NIOLockedValueBox<[StorageCompletion]>([])
    private let key = StoreFixture.key("k")

    init() throws {
        fixture = try StoreFixture(engine)
        _ = try fixture.put("warm up", to: StoreFixture.key("other"))
        engine.defersDurability = true
    }

    private func perform(_ requests: StorageRequest...) -> [StorageCompletion] {
        var completions: [StorageCompletion] = []
        let later = later
        fixture.store.perform(requests, later: { more in later.withLockedValue { $0 += more } }) {
            completions.append($0)
        }
        return completions
    }

    private func written(_ completions: [StorageCompletion]) -> [String] {
        completions.compactMap {
            switch $0 {
            case .written(let token, let durable): "\(token.rawValue) \(durable)"
            case .failed(let token, _): "\(token.rawValue) failed"
            default: nil
            }
        }
    }

    @Test("a write that is to be durable does not hold up one that is not, and is answered when it is")
    func apart() throws {
        let now = perform(
            StoreFixture.request(StoreFixture.mint("a", durable: false), key, token: 1),
            StoreFixture.request(StoreFixture.mint("b"), key, token: 2))
        #expect(written(now) == ["1 false"])
        #expect(engine.commits.last?.durability == .unsynced)
        #expect(later.withLockedValue { $0 }.isEmpty)
        engine.becomeDurable()
        #expect(written(later.withLockedValue { $0 }) == ["2 true"])
        #expect(try fixture.read(key)?.siblings.count == 2)
    }

    @Test("a full disk behind the answer makes a write not durable, and not undone")
    func full() throws {
        let now = perform(StoreFixture.request(StoreFixture.mint("a"), key, token: 1))
        #expect(written(now).isEmpty)
        engine.becomeDurable(failing: .full)
        #expect(written(later.withLockedValue { $0 }) == ["1 false"])
        #expect(try fixture.read(key) != nil)
    }

    @Test("a failed sync fails the writes that wait for it")
    func failed() throws {
        _ = perform(StoreFixture.request(StoreFixture.mint("a"), key, token: 1))
        engine.becomeDurable(failing: .syncFailed)
        #expect(written(later.withLockedValue { $0 }) == ["1 failed"])
    }

    @Test("one replica's write after its answer is asked to become durable, and nobody waits")
    func afterAnswer() throws {
        guard case .mint(let mint, let minter, _) = StoreFixture.mint("a") else { return }
        let now = perform(StoreFixture.request(.mint(mint, by: minter, .afterAnswer), key, token: 1))
        #expect(written(now) == ["1 false"])
        #expect(engine.waiting == 1)
        _ = perform(StoreFixture.request(StoreFixture.mint("b", durable: false), key, token: 2))
        #expect(engine.waiting == 1, "a write that is durable sometime asks for nothing")
    }

    @Test("an engine that cannot do that syncs after the answers have gone out")
    func direct() throws {
        engine.defersDurability = false
        guard case .mint(let mint, let minter, _) = StoreFixture.mint("a") else { return }
        var log: [String] = []
        let before = engine.syncs
        fixture.store.perform(
            [StoreFixture.request(.mint(mint, by: minter, .afterAnswer), key)],
            flush: { log.append("flush at \(engine.syncs - before)") },
            { if case .written(_, let durable) = $0 { log.append("written \(durable)") } })
        #expect(log == ["flush at 0", "written false", "flush at 0"])
        #expect(engine.syncs == before + 1)
    }

    @Test("a sync that fails behind an answer ends the store: nothing passes for durable afterwards")
    func failedBehindAnswer() throws {
        engine.defersDurability = false
        guard case .mint(let mint, let minter, _) = StoreFixture.mint("a") else { return }
        engine.failsNextSync = true
        #expect(
            written(perform(StoreFixture.request(.mint(mint, by: minter, .afterAnswer), key, token: 1))) == ["1 false"])
        let object = try #require(try fixture.read(key))
        let again = perform(StoreFixture.request(.merge(object, .siblings, .beforeAnswer), key, token: 2))
        #expect(written(again) == ["2 failed"])
        #expect(try fixture.store.close() == false)
    }
}
