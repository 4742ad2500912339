import Engines
import NIOCore
import NIOPosix
import Storage
import Testing

@testable import Server

@Suite(.timeLimit(.minutes(1))) struct StoreFiguresTests {
    @Test("an engine that does not answer holds up nobody for long, is asked once, and is heard when it answers")
    func silentEngine() async throws {
        let engine = GatedEngine()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let runner = StoreRunner(
            name: "test", store: try ObjectStore(engine: engine) { _, _ in }, engine: engine, writePath: .direct,
            limits: .init(), completions: LoopInbox(loop: loop) { _ in }, onEnd: { _ in })
        let figures = StoreFigures(of: [runner], loop: loop, patience: .milliseconds(1))
        engine.figuresGate.close()
        for _ in 0..<20 { #expect(try await figures.read().get() == nil) }
        #expect(engine.looks <= 1, "a round for each look would take all threads")
        #expect(runner.pulse.waitingWrites == 0 && runner.pulse.endedBy == nil)
        engine.figuresGate.open()
        var told: [EngineStatistics?]?
        while told == nil {
            try Task.checkCancellation()
            told = try await figures.read().get()
        }
        #expect(told?.first??.entries == 0)
        _ = try runner.close()
    }
}
