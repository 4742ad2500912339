import CoreMetrics
import NIOCore
import Node
import Placement

/// Times the requests that doors hand to the node, by what was asked and how it ended, and has the slow ones logged.
///
/// Nothing here waits or takes a lock, but where a request was slow: every handle is made at the start.
final class RequestWatch: Sendable {
    typealias Reply = @Sendable (ClientReply) -> Void

    /// Upper bounds of the buckets, in seconds: a get from memory takes a quarter of a millisecond, and the usual
    /// deadline is ten seconds.
    static let bounds = [
        0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    /// The outcomes of each verb, flat; nil where the verb cannot end so.
    private let timers: [CoreMetrics.Timer?]
    private let failures: [FailureReason: CoreMetrics.Counter]
    private let slow: SlowRequestLog
    private let now: @Sendable () -> NIODeadline

    init(
        _ factory: PrometheusFactory, slow: SlowRequestLog,
        now: @escaping @Sendable () -> NIODeadline = { NIODeadline.now() }
    ) {
        timers = RequestVerb.allCases.flatMap { verb in
            RequestOutcome.allCases.map { outcome in
                guard verb.outcomes.contains(outcome) else { return nil }
                return CoreMetrics.Timer(
                    label: MetricFamily.requestDuration.name,
                    dimensions: [("kind", verb.label), ("outcome", outcome.label)], factory: factory)
            }
        }
        failures = Dictionary(
            uniqueKeysWithValues: FailureReason.allCases.map { reason in
                (
                    reason,
                    CoreMetrics.Counter(
                        label: MetricFamily.requestFailures.name, dimensions: [("reason", reason.rawValue)],
                        factory: factory)
                )
            })
        self.slow = slow
        self.now = now
    }

    /// What to hand on instead of `reply`: it is told of the end first, so that whoever has an answer finds it counted.
    func watch(_ request: ClientRequest, _ reply: @escaping Reply) -> Reply {
        let (verb, key, begun) = (RequestVerb(request), request.key, now())
        return { [self] answer in
            ended(verb, key, now() - begun, answer)
            reply(answer)
        }
    }

    private func ended(_ verb: RequestVerb, _ key: ObjectKey, _ duration: TimeAmount, _ reply: ClientReply) {
        let outcome = RequestOutcome(reply, to: verb)
        timers[verb.rawValue * RequestOutcome.count + outcome.rawValue]?.recordNanoseconds(duration.nanoseconds)
        if case .failed(let failure) = reply { failures[FailureReason(failure)]?.increment() }
        if slow.concerns(duration) { slow.write(verb, key, duration, outcome, reply) }
    }
}
