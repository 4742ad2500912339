import NIOCore
import NIOPosix
import RotorClient

/// Carries out a plan: all connections in one event loop.
final class LoadRun {
    private let plan: LoadPlan
    private let loop: any EventLoop
    private let recorder = LoadRecorder()
    private let done: EventLoopPromise<LoadResult>
    private let onBegin: @Sendable () -> Void
    private let onInterval: @Sendable (_ second: Int, _ perSecond: Int) -> Void
    private var connections: [LoadConnection] = []
    private var begin = NIODeadline.now()
    private var answeredBefore = 0
    /// Between the last measured second and the last answer.
    private var measured: LoadResult?

    /// - Parameters:
    ///   - onBegin: Called when the keys are stored and the measuring begins.
    ///   - onInterval: Told every ten seconds how many requests a second were answered.
    static func result(
        of plan: LoadPlan, onBegin: @escaping @Sendable () -> Void,
        onInterval: @escaping @Sendable (_ second: Int, _ perSecond: Int) -> Void
    ) async throws -> LoadResult {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let result: Result<LoadResult, any Error>
        do {
            result = .success(
                try await loop.flatSubmit { LoadRun(plan, loop, onBegin, onInterval).start() }.get())
        } catch {
            result = .failure(error)
        }
        try await group.shutdownGracefully()
        return try result.get()
    }

    private init(
        _ plan: LoadPlan, _ loop: any EventLoop, _ onBegin: @escaping @Sendable () -> Void,
        _ onInterval: @escaping @Sendable (Int, Int) -> Void
    ) {
        self.plan = plan
        self.loop = loop
        self.onBegin = onBegin
        self.onInterval = onInterval
        done = loop.makePromise()
    }

    private func start() -> EventLoopFuture<LoadResult> {
        var value = ByteBuffer()
        value.writeBytes((0..<plan.valueBytes * 2).map { _ in UInt8.random(in: 0...255) })
        connections = (0..<plan.connections).map { index in
            LoadConnection(plan, index: index, value: value, recorder: recorder) { [weak self] in self?.onIdle() }
        }
        if plan.keys == 0 || plan.areStored { measure() }
        for index in connections.indices { connect(index, attempt: 0) }
        let this = NIOLoopBound(self, eventLoop: loop)
        let watch = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            for connection in this.value.connections { connection.check(.now()) }
            this.value.giveUpPreparing()
        }
        done.futureResult.whenComplete { _ in watch.cancel() }
        return done.futureResult
    }

    /// A connection that ends is made anew, at the next node, until the run is over.
    private func connect(_ index: Int, attempt: Int) {
        guard recorder.phase != .over else { return }
        let endpoint = plan.endpoints[(index + attempt) % plan.endpoints.count]
        let this = NIOLoopBound(self, eventLoop: loop)
        let again: @Sendable () -> Void = { [loop] in
            loop.scheduleTask(in: .milliseconds(100)) { this.value.connect(index, attempt: attempt + 1) }
        }
        ClientBootstrap(group: loop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(2))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(this.value.connections[index])
                }
            }
            .connect(host: endpoint.host, port: endpoint.port)
            .whenComplete { result in
                switch result {
                case .success(let channel): channel.closeFuture.whenComplete { _ in again() }
                case .failure:
                    this.value.recorder.record(error: "connection refused")
                    again()
                }
            }
    }

    /// A connection has nothing to do: the phase ends when that is so of all.
    private func onIdle() {
        switch recorder.phase {
        case .preparing where connections.allSatisfy(\.hasStoredAll):
            measure()
            for connection in connections { connection.proceed() }
        case .over where connections.allSatisfy(\.isIdle): finish()
        case .preparing, .measuring, .over: break
        }
    }

    /// A cluster that does not take the keys would keep the run from ever beginning.
    private func giveUpPreparing() {
        guard recorder.phase == .preparing, recorder.errorCount > 1_000 else { return }
        end()
    }

    private func measure() {
        recorder.phase = .measuring
        onBegin()
        begin = .now()
        let this = NIOLoopBound(self, eventLoop: loop)
        for second in stride(from: 10, through: plan.seconds, by: 10) {
            loop.scheduleTask(in: .seconds(Int64(second))) {
                let run = this.value
                run.onInterval(second, (run.recorder.answered - run.answeredBefore) / 10)
                run.answeredBefore = run.recorder.answered
            }
        }
        loop.scheduleTask(in: .seconds(Int64(plan.seconds))) { this.value.end() }
    }

    /// What is under way still gets its answer, but counts no more.
    private func end() {
        measured = recorder.result(seconds: Double((NIODeadline.now() - begin).nanoseconds) / 1e9)
        recorder.phase = .over
        let this = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: .seconds(5)) { this.value.finish() }
        if connections.allSatisfy(\.isIdle) { finish() }
    }

    private func finish() {
        guard var result = measured else { return }
        measured = nil
        // Errors of the last requests count too.
        result.errors = recorder.result(seconds: 1).errors
        done.succeed(result)
    }
}
