/// How a peer looks from here: local, as in Dynamo §4.8.3.
public enum PeerCondition: UInt8, Sendable, CaseIterable {
    case up
    /// It has not answered for a while, or has only just come back: others are asked before it, and beside it.
    case suspect
    /// Nothing is sent to it but probes.
    case down
}

/// What is known of one peer by the answers that it owes.
///
/// A slow disk makes no node look dead: a probe is answered by the node itself. Silence alone says nothing either; only
/// a peer that owes an answer is probed, so that a quiet cluster sends nothing. What counts is the probes that were
/// sent in vain, not the time: a node that was paused itself, and finds that much time has passed, blames nobody.
struct PeerHealth {
    struct Patience {
        /// Milliseconds that a peer may owe an answer before it is probed.
        var firstProbe = 200
        /// Milliseconds between probes.
        var interval = 250
        /// Probes without an answer.
        var suspect = 2
        var down = 6
    }

    private(set) var isLinked = false
    private(set) var condition = PeerCondition.down
    private var nextProbe: Instant?
    private var unanswered = 0
    /// Answers until it is up again.
    private var answersNeeded = 0

    /// Whether requests are sent to it at all.
    var isReachable: Bool { isLinked && condition != .down }

    /// When ``onTick(_:_:)`` has something to do.
    var nextDeadline: Instant? { isLinked ? nextProbe : nil }

    mutating func onLink(_ isUp: Bool) {
        self = PeerHealth()
        isLinked = isUp
        if isUp { condition = .up }
    }

    /// It has been sent something that it answers at once, or soon.
    mutating func onAsked(_ now: Instant, _ patience: Patience) {
        if nextProbe == nil { nextProbe = now.advanced(byMilliseconds: patience.firstProbe) }
    }

    /// Returns whether it is up now and was not before.
    mutating func onHeard(_ now: Instant) -> Bool {
        unanswered = 0
        guard condition != .up else {
            nextProbe = nil
            return false
        }
        answersNeeded -= 1
        condition = answersNeeded > 0 ? .suspect : .up
        // The next answer is asked for at once.
        nextProbe = condition == .up ? nil : now
        return condition == .up
    }

    /// Returns whether to send a probe.
    mutating func onTick(_ now: Instant, _ patience: Patience) -> Bool {
        guard isLinked, let due = nextProbe, due <= now else { return false }
        nextProbe = now.advanced(byMilliseconds: patience.interval)
        unanswered += 1
        // The one that is sent now is not in vain yet.
        if unanswered > patience.down {
            condition = .down
            // The first answer may be a late one.
            answersNeeded = 2
        } else if unanswered > patience.suspect, condition == .up {
            condition = .suspect
            answersNeeded = 1
        }
        return true
    }
}
