/// A point in the driver's monotonic time. The server counts from its start, the simulator from the beginning of the
/// run: only differences mean anything.
public struct Instant: Hashable, Comparable, Sendable {
    public var nanoseconds: UInt64

    public init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    public func advanced(byMilliseconds milliseconds: Int) -> Instant {
        Instant(nanoseconds: nanoseconds &+ UInt64(max(0, milliseconds)) &* 1_000_000)
    }

    /// Whole milliseconds from `earlier` to this instant; 0 where that is not earlier.
    public func milliseconds(since earlier: Instant) -> Int {
        nanoseconds <= earlier.nanoseconds ? 0 : Int((nanoseconds - earlier.nanoseconds) / 1_000_000)
    }
}

/// What the driver's clocks say when it hands an event in.
public struct Time: Sendable {
    public var monotonic: Instant
    /// Milliseconds since the Unix epoch. It may jump, also backwards.
    public var wall: UInt64

    public init(monotonic: Instant, wall: UInt64) {
        self.monotonic = monotonic
        self.wall = wall
    }
}
