import Histogram
import Testing

@testable import EngineBench

@Suite("What a load counts and times")
struct LatencyTests {
    private func timeline(_ clock: FakeClock, intervalMilliseconds: Double = 1e6, count: Int = 1) -> LatencyTimeline {
        LatencyTimeline(start: clock.now(), interval: UInt64(intervalMilliseconds * 1e6), count: count)
    }

    /// An operation takes 0.1 ms, but the one after 200 ms takes 100 ms.
    private func run(perSecond: Double?) -> LatencySummary {
        let clock = FakeClock()
        let timeline = timeline(clock)
        let start = clock.now()
        var hasStalled = false
        var loop = OperationLoop(
            clock: clock, pace: perSecond.map { Pace(perSecond: $0, thread: 0, of: 1, start: start) },
            deadline: start + 1_000_000_000, recorder: LatencyRecorder(timeline))
        loop.run {
            let stalls = !hasStalled && clock.now() >= start + 200_000_000
            if stalls { hasStalled = true }
            clock.pass(milliseconds: stalls ? 100 : 0.1)
        }
        return timeline.summary
    }

    private func slower(than microseconds: Double, _ summary: LatencySummary) -> Double {
        Double(summary.operations) * (summary.distribution.last { $0.microseconds <= microseconds }?.slowerShare ?? 1)
    }

    @Test("with a rate a stall is seen by every operation that should have begun while it lasted")
    func openLoop() {
        let summary = run(perSecond: 1000)
        #expect(summary.operations == 1000)
        // 100 operations should have begun in those 100 ms, and another ten or so while they were caught up with.
        #expect(
            (80...135).contains(slower(than: 200, summary)), "\(slower(than: 200, summary)) operations were held up")
        #expect((40...70).contains(slower(than: 50_000, summary)), "\(slower(than: 50_000, summary)) for 50 ms or more")
        #expect(abs(summary.p999Microseconds - 99_500) < 2_000, "p99.9 is \(summary.p999Microseconds)")
    }

    @Test("without a rate it is seen by one operation only")
    func closedLoop() {
        let summary = run(perSecond: nil)
        #expect((8_995...9_005).contains(summary.operations), "\(summary.operations) operations")
        #expect(slower(than: 50_000, summary) < 2)
        #expect(abs(summary.p999Microseconds - 100) < 2)
    }

    @Test("threads take turns at a rate that they have together")
    func turns() {
        var moments: [UInt64] = []
        for thread in 0..<4 {
            var pace = Pace(perSecond: 1000, thread: thread, of: 4, start: 5_000)
            for _ in 0..<25 { moments.append(pace.next()) }
        }
        #expect(moments.sorted() == (0..<100).map { 5_000 + 1_000_000 * $0 })
    }

    @Test("clients that wait for one group end together, and begin the next group together")
    func groups() throws {
        let clock = FakeClock()
        let timeline = timeline(clock)
        var clients = PutClients(
            clock: clock, clients: 8, pace: nil, deadline: .max, limit: 60, recorder: LatencyRecorder(timeline),
            port: FakePort(clock) { $0 == 3 ? 50 : 2 })
        try clients.run()
        #expect(clients.port.groupSizes == [8, 8, 8, 8, 8, 8, 8, 4])
        let summary = timeline.summary
        #expect(summary.operations == 60)
        #expect(abs(summary.p50Microseconds - 2_000) < 20)
        #expect(abs(summary.p99Microseconds - 50_000) < 500)
        #expect(abs(summary.seconds - 0.064) < 1e-6)
    }

    @Test("a put that finds no free client at its time has waited from then on")
    func noFreeClient() throws {
        let clock = FakeClock()
        let timeline = timeline(clock)
        let start = clock.now()
        // Two clients, ten milliseconds a group: 200 puts a second of the 1000 that are asked for.
        var clients = PutClients(
            clock: clock, clients: 2, pace: Pace(perSecond: 1000, thread: 0, of: 1, start: start),
            deadline: start + 1_000_000_000, recorder: LatencyRecorder(timeline), port: FakePort(clock) { _ in 10 })
        try clients.run()
        let summary = timeline.summary
        #expect((195...202).contains(summary.operations), "\(summary.operations) puts")
        // The last ones should have begun after about 0.2 s and ended after 1 s.
        let longest = summary.distribution.last?.microseconds ?? 0
        #expect(abs(longest - 800_000) < 20_000, "the longest wait is \(longest)")
    }

    @Test("percentiles are right to one part in a hundred, over any number of threads and intervals")
    func percentiles() {
        let clock = FakeClock()
        let timeline = timeline(clock, intervalMilliseconds: 10, count: 10)
        let start = clock.now()
        for thread in 0..<4 {
            var recorder = LatencyRecorder(timeline)
            for number in stride(from: thread + 1, through: 10_000, by: 4) {
                recorder.record(UInt64(number) * 1_000, at: start + UInt64(number) * 10_000)
            }
            recorder.finish()
        }
        let summary = timeline.summary
        #expect(summary.operations == 10_000)
        for (figure, expected) in [
            (summary.p50Microseconds, 5_000.0), (summary.p99Microseconds, 9_900), (summary.p999Microseconds, 9_990),
        ] {
            #expect(abs(figure - expected) <= expected / 100, "\(figure) for \(expected)")
        }
        #expect(abs(summary.seconds - 0.1) < 1e-9)
        #expect(summary.timeline.count == 10)
        #expect(summary.timeline.map(\.operations).reduce(0, +) == 10_000)
        for (earlier, later) in zip(summary.timeline, summary.timeline.dropFirst()) {
            #expect(earlier.seconds < later.seconds && earlier.p50Microseconds < later.p50Microseconds)
        }
        #expect(
            zip(summary.distribution, summary.distribution.dropFirst()).allSatisfy {
                $0.microseconds <= $1.microseconds
            })
    }

    @Test("the operations of one commit all have its latency")
    func weights() {
        let clock = FakeClock()
        let timeline = timeline(clock)
        var recorder = LatencyRecorder(timeline)
        recorder.record(1_000_000, operations: 64, at: clock.now() + 1_000_000)
        recorder.record(9_000_000, operations: 1, at: clock.now() + 10_000_000)
        recorder.finish()
        let summary = timeline.summary
        #expect(summary.operations == 65)
        #expect(abs(summary.p50Microseconds - 1_000) <= 10)
        #expect(abs(summary.p999Microseconds - 9_000) <= 90)
    }
}
