import NIOCore
import NIOPosix
import Placement
import RiakWire
import RotorClient

/// Offers a cluster requests, phase after phase, over the same connections, all in one event loop.
final class ArrivalLoad {
    private let plan: ArrivalPlan
    private let loop: any EventLoop
    private let done: EventLoopPromise<[ArrivalResult]>
    private let onPhase: @Sendable (Int) -> Void
    private var connections: [ArrivalConnection] = []
    /// By endpoint: those that wait for a request.
    private var free: [[ArrivalConnection]]
    /// Those that were refused wait as they were told to, the first first.
    private var resting: [(connection: ArrivalConnection, until: NIODeadline)] = []
    private var rested = 0
    /// Of the phases that have begun.
    private var recorders: [ArrivalRecorder] = []
    private var turn = 0
    private var sent = 0
    /// Keys to get: the latest that were stored.
    private var stored: [Int] = []
    private var isOver = false

    /// What is under way after the last phase is waited for so long.
    private static let rest = TimeAmount.seconds(2)

    /// - Parameter onPhase: Told when a phase begins, by its number, and with their count when the last has ended.
    static func results(
        of plan: ArrivalPlan, onPhase: @escaping @Sendable (Int) -> Void
    ) async throws -> [ArrivalResult] {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let result: Result<[ArrivalResult], any Error>
        do {
            result = .success(try await loop.flatSubmit { ArrivalLoad(plan, loop, onPhase).start() }.get())
        } catch {
            result = .failure(error)
        }
        try await group.shutdownGracefully()
        return try result.get()
    }

    private init(_ plan: ArrivalPlan, _ loop: any EventLoop, _ onPhase: @escaping @Sendable (Int) -> Void) {
        self.plan = plan
        self.loop = loop
        self.onPhase = onPhase
        done = loop.makePromise()
        free = plan.endpoints.map { _ in [] }
    }

    private func start() -> EventLoopFuture<[ArrivalResult]> {
        let path = RequestTarget.path(of: ObjectKey(type: plan.type, bucket: "bench", key: "\(plan.run)-"))
        var tail = ByteBuffer(
            string: " HTTP/1.1\r\nHost: rotor\r\nContent-Type: application/octet-stream\r\nContent-Length: "
                + "\(plan.valueBytes)\r\n\r\n")
        tail.writeBytes((0..<plan.valueBytes).map { _ in UInt8.random(in: 0...255) })
        connections = (0..<plan.connections).map { index in
            ArrivalConnection(self, endpoint: index % plan.endpoints.count, path: path, tail: tail)
        }
        let this = NIOLoopBound(self, eventLoop: loop)
        let watch = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            for connection in this.value.connections { connection.check(.now()) }
        }
        connect(from: 0)
        done.futureResult.whenComplete { _ in watch.cancel() }
        return done.futureResult
    }

    /// Some at a time: a daemon's queue of connections that it has yet to accept is short.
    private func connect(from first: Int) {
        guard first < connections.count else { return begin(phase: 0) }
        let last = min(first + 64, connections.count)
        let this = NIOLoopBound(self, eventLoop: loop)
        EventLoopFuture.andAllSucceed((first..<last).map { open($0) }, on: loop).whenComplete { result in
            switch result {
            case .success: this.value.connect(from: last)
            case .failure(let error): this.value.done.fail(error)
            }
        }
    }

    /// A connection that ends is made anew.
    private func open(_ index: Int) -> EventLoopFuture<Void> {
        let endpoint = plan.endpoints[connections[index].endpoint]
        let this = NIOLoopBound(self, eventLoop: loop)
        return ClientBootstrap(group: loop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(this.value.connections[index])
                }
            }
            .connect(host: endpoint.host, port: endpoint.port)
            .map { channel in channel.closeFuture.whenComplete { _ in this.value.reopen(index) } }
    }

    private func reopen(_ index: Int) {
        guard !isOver else { return }
        let this = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: .milliseconds(100)) {
            guard !this.value.isOver else { return }
            this.value.open(index).whenFailure { _ in
                this.value.recorders.last?.record(error: "connection refused")
                this.value.reopen(index)
            }
        }
    }

    // MARK: Phases

    private func begin(phase number: Int) {
        onPhase(number)
        let this = NIOLoopBound(self, eventLoop: loop)
        guard number < plan.phases.count else {
            isOver = true
            loop.scheduleTask(in: Self.rest) { this.value.finish() }
            return
        }
        let phase = plan.phases[number]
        let recorder = ArrivalRecorder()
        recorders.append(recorder)
        let end = recorder.begin + .seconds(Int64(phase.seconds))
        switch phase.pace {
        case .closed(let clients):
            for _ in 0..<clients { send(recorder) }
            loop.scheduleTask(deadline: end) { this.value.begin(phase: number + 1) }
        case .open(let perSecond):
            loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(1)) { task in
                guard this.value.arrive(in: number, perSecond, until: end) else { return }
                task.cancel()
                this.value.begin(phase: number + 1)
            }
        }
    }

    /// Sends what has come due. True when that was all.
    private func arrive(in phase: Int, _ perSecond: Double, until end: NIODeadline) -> Bool {
        let (now, recorder) = (NIODeadline.now(), recorders[phase])
        wake(now)
        // Those that came due while this thread did other things come now: nobody has thought better of it.
        let due = Int(Double((min(now, end) - recorder.begin).nanoseconds) / 1e9 * perSecond)
        while recorder.due < due { send(recorder) }
        return now >= end
    }

    /// A client that was refused asks again when it was told to.
    func rest(_ connection: ArrivalConnection) {
        resting.append((connection, .now() + .seconds(1)))
    }

    private func wake(_ now: NIODeadline) {
        while rested < resting.count, resting[rested].until <= now {
            free[resting[rested].connection.endpoint].append(resting[rested].connection)
            rested += 1
        }
        guard rested > 10_000 else { return }
        resting.removeFirst(rested)
        rested = 0
    }

    private func finish() {
        done.succeed(zip(recorders, plan.phases).map { $0.result(seconds: Double($1.seconds)) })
    }

    /// One request, over the next endpoint's connection that is free.
    private func send(_ recorder: ArrivalRecorder) {
        recorder.due += 1
        for _ in free.indices {
            turn = (turn + 1) % free.count
            while let connection = free[turn].popLast() {
                // Those that were lost while they waited are in the list still.
                if connection.isIdle { return send(over: connection, recorder) }
            }
        }
        recorder.unsent += 1
    }

    private func send(over connection: ArrivalConnection, _ recorder: ArrivalRecorder) {
        let key = plan.putRatio < 1 && Double.random(in: 0..<1) >= plan.putRatio ? stored.randomElement() : nil
        if let key { return connection.send(put: false, key: key, recorder) }
        sent += 1
        connection.send(put: true, key: sent, recorder)
    }

    func onStored(_ key: Int) {
        guard plan.putRatio < 1 else { return }
        if stored.count < 8192 { stored.append(key) } else { stored[key % 8192] = key }
    }

    /// - Parameter recorder: Of the request that it has had an answer to; nil where it is new.
    func onFree(_ connection: ArrivalConnection, after recorder: ArrivalRecorder?) {
        if !isOver, let recorder, recorder === recorders.last, case .closed = plan.phases[recorders.count - 1].pace {
            recorder.due += 1
            send(over: connection, recorder)
        } else {
            free[connection.endpoint].append(connection)
        }
    }
}
