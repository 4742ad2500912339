/// A hybrid logical clock: stamps that always ascend, close to the wall clock, across restarts and crashes too.
///
/// The ceiling is what makes it survive a crash: every stamp issued is below a ceiling that was durable before, and
/// after a start every stamp is above the ceiling found on disk. The owner asks ``reservationNeeded(wall:)`` from
/// time to time, makes the answer durable, and then says ``reserved(_:)``.
public struct HybridClock: Sendable {
    /// Stamps below it may be issued.
    public private(set) var ceiling: HybridTime
    /// The last stamp issued, or what stands for all that were issued before the start.
    public private(set) var issued: HybridTime
    /// The greatest stamp learnt from others.
    public private(set) var observed: HybridTime
    /// Milliseconds that a reservation reaches ahead.
    public let window: UInt64
    /// Milliseconds that a foreign stamp may be ahead of the wall clock.
    public let maximumSkew: UInt64

    public static let defaultWindow: UInt64 = 10_000
    public static let defaultMaximumSkew: UInt64 = 60_000

    /// `ceiling` is the one made durable before the stop or crash, ``HybridTime/zero`` at a first start.
    ///
    /// A node that restarts at once issues stamps up to `window` ahead of its wall clock, and its peers must take
    /// them: `maximumSkew` has to be greater than `window`.
    public init(
        ceiling: HybridTime, window: UInt64 = defaultWindow, maximumSkew: UInt64 = defaultMaximumSkew
    ) {
        precondition(maximumSkew > window, "skew of \(maximumSkew) ms must exceed the window of \(window) ms")
        self.ceiling = ceiling
        self.issued = ceiling
        self.observed = .zero
        self.window = window
        self.maximumSkew = maximumSkew
    }

    /// A stamp greater than every one issued before. It is past the greatest stamp observed and not behind the wall
    /// clock, as far as the ceiling allows: first the one is given up, then the other. Nil if there is none left below
    /// the ceiling: then a reservation must become durable first.
    ///
    /// Where the last write wins, a stamp behind the wall clock is of no use: an older write may have a greater one.
    public mutating func now(wall milliseconds: UInt64) -> HybridTime? {
        let current = max(HybridTime(milliseconds: milliseconds), issued.next)
        guard let stamp = [max(current, observed.next), current, issued.next].first(where: { $0 < ceiling }) else {
            return nil
        }
        issued = stamp
        return stamp
    }

    /// Learns a stamp that another node issued; ask ``accepts(_:wall:)`` first.
    ///
    /// It never stops ``now(wall:)``: a stamp beyond the ceiling takes effect once a reservation reaches past it.
    public mutating func observe(_ stamp: HybridTime) {
        observed = max(observed, stamp)
    }

    /// The ceiling to make durable, if less than half of what it should reach ahead is left.
    ///
    /// It reaches a window ahead of the wall clock only. Where stamps are ahead of that already, by what was observed
    /// or was reserved before a restart, room for logical ticks is enough: a whole window at each restart would add up,
    /// in a crash loop, until peers refused this node's stamps.
    public func reservationNeeded(wall milliseconds: UInt64) -> HybridTime? {
        let wall = HybridTime(milliseconds: milliseconds)
        let ahead = max(issued, observed)
        let least = max(
            wall.advanced(byMilliseconds: window / 2), ahead.advanced(byMilliseconds: Self.tickRoom / 2))
        guard ceiling < least else { return nil }
        return max(wall.advanced(byMilliseconds: window), ahead.advanced(byMilliseconds: Self.tickRoom))
    }

    /// Milliseconds that the wall clock may go on before a reservation is needed, if nothing else happens.
    public func millisecondsToReservation(wall milliseconds: UInt64) -> UInt64 {
        let last = ceiling.milliseconds - min(ceiling.milliseconds, window / 2)
        return last < milliseconds ? 0 : last - milliseconds + 1
    }

    /// Milliseconds, of 65,536 ticks each.
    private static let tickRoom: UInt64 = 10

    /// `ceiling` is durable. A lower one than before changes nothing: reservations may finish out of order.
    public mutating func reserved(_ ceiling: HybridTime) {
        self.ceiling = max(self.ceiling, ceiling)
    }

    /// False for a stamp more than `maximumSkew` ahead of the wall clock: one broken clock must not win every
    /// last-write-wins conflict of the years to come.
    public func accepts(_ stamp: HybridTime, wall milliseconds: UInt64) -> Bool {
        stamp.milliseconds <= milliseconds || stamp.milliseconds - milliseconds <= maximumSkew
    }
}
