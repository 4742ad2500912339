import Engines
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Node
import Placement
import Storage
import Testing
import Versions

@testable import Server

@Suite(.timeLimit(.minutes(1))) struct StoreRunnerTests {
    private final class Received: Sendable {
        let lines = LogCapture()

        func add(_ completions: [StorageCompletion]) {
            for completion in completions {
                switch completion {
                case .read(let token, let object):
                    lines.add("read \(token.rawValue) \(object == nil ? "none" : "some")")
                case .hints(let token, let page): lines.add("hints \(token.rawValue) \(page.hints.count)")
                case .tree(let token, let answer): lines.add("tree \(token.rawValue) \(answer)")
                case .treesBuilt(let token, let complete): lines.add("trees built \(token.rawValue) \(complete)")
                case .minted(let token, _): lines.add("minted \(token.rawValue)")
                case .written(let token, let durable): lines.add("written \(token.rawValue) \(durable)")
                case .failed(let token, let failure): lines.add("failed \(token.rawValue) \(failure)")
                }
            }
        }
    }

    private func runner(
        _ engine: any LocalPersistenceEngine, _ received: Received, limits: StoreRunner.Limits = .init(),
        onEnd: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> StoreRunner {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return StoreRunner(
            name: "test", store: try ObjectStore(engine: engine) { _, _ in }, engine: engine, writePath: .direct,
            limits: limits,
            completions: LoopInbox(loop: loop) { received.add($0) }, onEnd: onEnd)
    }

    private func mint(_ token: UInt64, _ key: String, bytes: Int = 1) -> StorageRequest {
        let mint = Mint(
            content: Content(value: ByteBuffer(repeating: 1, count: bytes)), context: nil,
            now: HybridTime(rawValue: token), policy: .lastWriteWins)
        return request(token, key, .mint(mint, by: Minter(node: 1, incarnation: 1), .beforeAnswer))
    }

    private func request(_ token: UInt64, _ key: String, _ operation: StorageOperation) -> StorageRequest {
        StorageRequest(
            token: StorageToken(rawValue: token), store: 0, partition: 0,
            key: ObjectKey(type: "t", bucket: "b", key: key), operation: operation)
    }

    @Test("a minted version is handed out while its store still syncs, and reads go on")
    func mintedBeforeCommit() async throws {
        let engine = GatedEngine()
        let received = Received()
        let runner = try runner(engine, received)
        #expect(runner.submit(mint(1, "a")))
        await received.lines.line(with: "written 1 true")
        engine.gate.close()
        #expect(runner.submit(mint(2, "a")))
        await received.lines.line(with: "minted 2")
        #expect(runner.submit(request(3, "a", .read)))
        await received.lines.line(with: "read 3 some")
        #expect(received.lines.count(of: "written 2") == 0)
        engine.gate.open()
        await received.lines.line(with: "written 2 true")
        #expect(try runner.close())
    }

    @Test("writes that wait become one transaction, in their order")
    func grouped() async throws {
        let engine = GatedEngine()
        let received = Received()
        let runner = try runner(engine, received)
        #expect(runner.submit(mint(1, "a")))
        await received.lines.line(with: "written 1")
        engine.gate.close()
        #expect(runner.submit(mint(2, "a")))
        await received.lines.line(with: "minted 2")
        for token in 3..<103 as Range<UInt64> { #expect(runner.submit(mint(token, "k\(token % 7)"))) }
        let before = engine.commits
        engine.gate.open()
        await received.lines.line(with: "written 102")
        #expect(engine.commits - before == 2)
        let minted = received.lines.lines.filter { $0.hasPrefix("minted") }
        #expect(minted == (1...102).map { "minted \($0)" })
        #expect(try runner.close())
    }

    @Test("what does not fit into a queue is refused at once, by number and by bytes")
    func overloaded() async throws {
        let engine = GatedEngine()
        let received = Received()
        var limits = StoreRunner.Limits()
        limits.writes = 4
        limits.bytes = 1_000
        let runner = try runner(engine, received, limits: limits)
        #expect(runner.submit(mint(1, "a")))
        await received.lines.line(with: "written 1")
        engine.gate.close()
        #expect(runner.submit(mint(2, "a")))
        await received.lines.line(with: "minted 2")
        #expect(runner.submit(mint(3, "a", bytes: 900)))
        #expect(!runner.submit(mint(4, "a", bytes: 200)), "bytes")
        for token in 5..<8 as Range<UInt64> { #expect(runner.submit(mint(token, "a"))) }
        #expect(!runner.submit(mint(9, "a")), "number")
        #expect(runner.status().waitingWrites == 4)
        engine.gate.open()
        await received.lines.line(with: "written 7")
        #expect(try runner.close())
    }

    @Test("a failed sync ends the store, once told, and the node may not go on as it was")
    func ended() async throws {
        let engine = GatedEngine()
        let received = Received()
        let reasons = LogCapture()
        let runner = try runner(engine, received) { reasons.add("ended: \($0)") }
        #expect(runner.submit(mint(1, "a")))
        await received.lines.line(with: "written 1")
        engine.failCommits(with: .syncFailed)
        #expect(runner.submit(mint(2, "a")))
        await received.lines.line(with: "failed 2")
        #expect(runner.submit(mint(3, "a")))
        await received.lines.line(with: "failed 3")
        #expect(reasons.lines.count == 1, "\(reasons.lines)")
        #expect(received.lines.count(of: "written") == 1)
        #expect(runner.status().failure?.contains("the disk is gone") == true)
        #expect(try !runner.close())
    }
}
