import Placement

/// The delivery of what this node keeps for one member (Dynamo §4.6): oldest first, a page at a time, and each hint
/// deleted once the member has it durably.
///
/// A member that has just come back gets a page from each node at a time, and as long a rest as the page took.
struct HintDelivery {
    enum State: Equatable {
        case idle
        /// A page is being read, or delivered: so many hints of it are open.
        case busy(since: Instant, open: Int)
        case resting(until: Instant)
    }

    static let hintsAPage = 64
    static let bytesAPage = 1 << 20
    /// Milliseconds that a page may take before it is given up.
    static let patience = 10_000
    private static let longestRest = 10_000

    private(set) var state = State.idle
    /// False once a walk has found nothing, and none was kept since it began.
    private(set) var mayHaveHints = true
    /// How far the walk has come.
    private(set) var cursor: UInt64 = 0
    /// Of the walk: some hint was not delivered.
    private var hasFailed = false
    private var failedWalks = 0

    /// When there is something to do, if the member is up.
    var nextLook: Instant? {
        switch state {
        case .idle: mayHaveHints ? Instant(nanoseconds: 0) : nil
        case .busy(let since, _): since.advanced(byMilliseconds: Self.patience)
        case .resting(let until): mayHaveHints ? until : nil
        }
    }

    /// Another hint is kept for the member. One that looks well now was slow just before: no haste.
    mutating func onKept(_ now: Instant) {
        mayHaveHints = true
        if state == .idle { state = .resting(until: now.advanced(byMilliseconds: 1_000)) }
    }

    /// The member is up again.
    mutating func onUp() {
        failedWalks = 0
        if case .resting = state { state = .idle }
    }

    /// Whether to read a page now.
    mutating func begins(_ now: Instant) -> Bool {
        switch state {
        case .idle: break
        case .resting(let until): guard until <= now else { return false }
        case .busy: return false
        }
        guard mayHaveHints else { return false }
        // A hint that is kept while the walk goes on sets it again.
        if cursor == 0 { mayHaveHints = false }
        state = .busy(since: now, open: 0)
        return true
    }

    /// The page is given up where it has taken too long.
    func isOverdue(_ now: Instant) -> Bool {
        guard case .busy(let since, _) = state else { return false }
        return now.milliseconds(since: since) >= Self.patience
    }

    mutating func onPage(_ page: HintPage, _ now: Instant) {
        guard case .busy(let since, _) = state else { return }
        guard let last = page.last else {
            // The end of the walk. What was not delivered is tried again.
            cursor = 0
            return rest(now, since: since, endsWalk: true)
        }
        cursor = last
        mayHaveHints = true
        state = .busy(since: since, open: page.hints.count)
        // Places in the order that lead nowhere.
        if page.hints.isEmpty { rest(now, since: since, atLeast: 1_000) }
    }

    /// One hint of the page is done with.
    mutating func onEnded(delivered: Bool, _ now: Instant) {
        guard case .busy(let since, let open) = state else { return }
        if !delivered { hasFailed = true }
        state = .busy(since: since, open: open - 1)
        if open <= 1 { rest(now, since: since) }
    }

    /// The page cannot be read or delivered.
    mutating func giveUp(_ now: Instant) {
        guard case .busy(let since, _) = state else { return }
        hasFailed = true
        mayHaveHints = true
        cursor = 0
        rest(now, since: since, endsWalk: true)
    }

    /// After a walk on which something was not delivered, each time for longer.
    private mutating func rest(_ now: Instant, since: Instant, endsWalk: Bool = false, atLeast least: Int = 1) {
        var milliseconds = max(least, now.milliseconds(since: since))
        if endsWalk {
            failedWalks = hasFailed ? failedWalks + 1 : 0
            if hasFailed { milliseconds = max(milliseconds, 100 << min(failedWalks, 7)) }
            hasFailed = false
        }
        state = .resting(until: now.advanced(byMilliseconds: min(milliseconds, Self.longestRest)))
    }
}

/// A hint on its way, as one step of it is waited for.
enum HintOperation {
    case scan(for: MemberID)
    case delivery(to: MemberID, HintPage.Hint)
    case drop(for: MemberID)

    var member: MemberID {
        switch self {
        case .scan(let member), .delivery(let member, _), .drop(let member): member
        }
    }
}
