import NIOConcurrencyHelpers
import NIOCore
import Node
import Placement
import Testing
import Versions

@testable import Server

@Suite("The slow-request log, and what is counted of requests")
struct SlowRequestTests {
    private let log = LogCapture()
    private let factory = PrometheusFactory(describing: [], bounds: RequestWatch.bounds)
    private let clock = NIOLockedValueBox(NIODeadline.uptimeNanoseconds(0))

    private func watch(milliseconds: Int, lines: Int = 20) -> RequestWatch {
        RequestWatch(
            factory,
            slow: SlowRequestLog(
                milliseconds: milliseconds, logger: log.logger, lines: LineLimiter(lines: lines, span: .hours(1))),
            now: { [clock] in clock.withLockedValue { $0 } })
    }

    /// A request that is answered so much later. Its caller has the answer when it is counted.
    private func answer(
        _ request: ClientRequest, by watch: RequestWatch, after milliseconds: Int64, _ reply: ClientReply
    ) {
        let answered = NIOLockedValueBox(0)
        let told = watch.watch(request) { _ in answered.withLockedValue { $0 += 1 } }
        clock.withLockedValue { $0 = $0 + .milliseconds(milliseconds) }
        told(reply)
        #expect(answered.withLockedValue { $0 } == 1)
    }

    private func put(_ key: ObjectKey) -> ClientRequest { .put(PutRequest(key: key, content: Content())) }

    @Test("a request that takes as long as the bound is one warning, with what it was and how it ended; others none")
    func bound() {
        let watch = watch(milliseconds: 500)
        let key = ObjectKey(type: "default", bucket: "cart", key: "ann b\n%")
        answer(.get(GetRequest(key: key)), by: watch, after: 499, .notFound(context: nil))
        #expect(log.lines.isEmpty)
        answer(.get(GetRequest(key: key)), by: watch, after: 500, .notFound(context: nil))
        #expect(
            log.lines == [
                "warning slow request bucket=cart bucket-type=default key=ann%20b%0A%25 kind=get ms=500"
                    + " outcome=not_found"
            ])
    }

    @Test("of a failed one it says why, and which number was missed")
    func failures() {
        let watch = watch(milliseconds: 1)
        let key = ObjectKey(type: "t", bucket: "b", key: "k")
        answer(put(key), by: watch, after: 20, .failed(.timedOut(.w, needed: 2, got: 1, milliseconds: 20)))
        answer(put(key), by: watch, after: 20, .failed(.storage(.full)))
        answer(.get(GetRequest(key: key)), by: watch, after: 20, .failed(.coordinatorLost("b")))
        let names = "bucket=b bucket-type=t"
        #expect(
            log.lines == [
                "warning slow request \(names) got=1 key=k kind=put ms=20 needed=2 outcome=outcome_unknown quorum=w"
                    + " reason=timed_out",
                "warning slow request \(names) key=k kind=put ms=20 outcome=unavailable reason=store_full",
                "warning slow request \(names) key=k kind=get ms=20 outcome=unavailable reason=coordinator_lost",
            ])
    }

    @Test("0 logs none, long names are cut, and a flood becomes a few lines and a count")
    func bounds() {
        let key = ObjectKey(type: "t", bucket: "b", key: String(repeating: "x", count: 2_000))
        answer(put(key), by: watch(milliseconds: 0), after: 3_600_000, .stored(nil))
        #expect(log.lines.isEmpty)
        let flooded = watch(milliseconds: 1, lines: 2)
        for _ in 0..<1_000 { answer(put(key), by: flooded, after: 5, .stored(nil)) }
        #expect(log.lines.count == 2)
        let shown = String(repeating: "x", count: SlowRequestLog.shownBytes) + "…(2000 bytes)"
        #expect(log.lines.allSatisfy { $0.contains(" key=\(shown) ") })
    }

    @Test("each request is counted once, under its kind and outcome, with its duration; failures by reason, too")
    func counted() throws {
        let watch = watch(milliseconds: 0)
        let key = ObjectKey(type: "t", bucket: "b", key: "k")
        answer(put(key), by: watch, after: 2, .stored(nil))
        answer(put(key), by: watch, after: 20, .failed(.conditionFailed(.missing)))
        answer(.delete(DeleteRequest(key: key)), by: watch, after: 0, .deleted)
        answer(.delete(DeleteRequest(key: key)), by: watch, after: 11_000, .failed(.coordinatorLost("b")))
        var exposition = Exposition()
        factory.write(into: &exposition)
        for (labels, count) in factory.counts(of: .requestDuration) { exposition.add(.requests, count, of: labels) }
        let text = String(buffer: exposition.text())
        for line in [
            #"rotor_requests_total{kind="put",outcome="stored"} 1"#,
            #"rotor_requests_total{kind="put",outcome="refused"} 1"#,
            #"rotor_requests_total{kind="put",outcome="unavailable"} 0"#,
            #"rotor_requests_total{kind="delete",outcome="outcome_unknown"} 1"#,
            #"rotor_request_duration_seconds_bucket{kind="put",outcome="stored",le="0.001"} 0"#,
            #"rotor_request_duration_seconds_bucket{kind="put",outcome="stored",le="0.0025"} 1"#,
            #"rotor_request_duration_seconds_bucket{kind="delete",outcome="deleted",le="0.00025"} 1"#,
            #"rotor_request_duration_seconds_bucket{kind="delete",outcome="outcome_unknown",le="10"} 0"#,
            #"rotor_request_duration_seconds_sum{kind="delete",outcome="outcome_unknown"} 11"#,
            #"rotor_request_failures_total{reason="condition_failed"} 1"#,
            #"rotor_request_failures_total{reason="coordinator_lost"} 1"#,
            #"rotor_request_failures_total{reason="timed_out"} 0"#,
        ] {
            #expect(text.contains(line + "\n"), "\(line)")
        }
        let verbs = RequestVerb.allCases.reduce(0) { $0 + $1.outcomes.count }
        #expect(text.split(separator: "\n").count { $0.hasPrefix("rotor_requests_total{") } == verbs)
    }
}
