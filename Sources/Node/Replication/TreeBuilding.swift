/// The building of a store's trees, a page at a time, with as long a rest as the page took.
struct TreeBuilding {
    /// Milliseconds between looks at trees that lacked nothing, or could not be built.
    private static let rest = 5_000

    private enum State {
        case resting(until: Instant)
        case reading(since: Instant)
    }

    private var state = State.resting(until: Instant(nanoseconds: 0))
    /// The partition that is read again next, and when.
    private var rereading = (partition: 0, at: Instant(nanoseconds: 0))

    init(_ now: Instant, rereadMilliseconds: Int) {
        rereading.at = now.advanced(byMilliseconds: rereadMilliseconds)
    }

    /// Nil while a page is being read.
    var nextLook: Instant? {
        if case .resting(let until) = state { until } else { nil }
    }

    /// Whether to read now, and the partition that is to be read again, if its time has come.
    mutating func begins(_ now: Instant, partitions: Int, rereadMilliseconds: Int) -> (begins: Bool, rereading: Int?) {
        guard case .resting(let until) = state, until <= now else { return (false, nil) }
        state = .reading(since: now)
        guard rereading.at <= now else { return (true, nil) }
        defer {
            rereading.partition = (rereading.partition + 1) % partitions
            rereading.at = now.advanced(byMilliseconds: rereadMilliseconds)
        }
        return (true, rereading.partition)
    }

    enum End {
        case more
        case complete
        case failed
    }

    mutating func onRead(_ end: End, _ now: Instant) {
        guard case .reading(let since) = state else { return }
        let took = max(1, now.milliseconds(since: since))
        state = .resting(until: now.advanced(byMilliseconds: end == .more ? took : Self.rest))
    }
}
