import Node

/// A node's clocks: a timer that runs a little fast or slow, and a wall clock that may be wrong and may jump.
struct VirtualTimepiece {
    /// Of the timer, in 1024ths of true time.
    private let rate: UInt64
    /// Milliseconds that the wall clock is ahead of true time.
    private(set) var wallOffset: Int
    /// The wall clock shows true time, whatever the timer does.
    private var isRight = false

    /// Unix milliseconds at which every run begins.
    private static let origin: UInt64 = 1_700_000_000_000

    init(rate: Int, wallOffset: Int) {
        self.rate = UInt64(rate)
        self.wallOffset = wallOffset
    }

    /// The wall clock jumps to so much ahead of true time.
    mutating func jump(to milliseconds: Int) {
        wallOffset = milliseconds
    }

    mutating func setRight() {
        wallOffset = 0
        isRight = true
    }

    func time(at trueTime: UInt64) -> Time {
        let ticked = trueTime * rate / 1024
        let wall = Int(Self.origin + (isRight ? trueTime : ticked) / 1_000_000) + wallOffset
        return Time(monotonic: Instant(nanoseconds: ticked), wall: UInt64(wall))
    }

    /// The true time at which the timer shows `instant`.
    func trueTime(of instant: Instant) -> UInt64 {
        (instant.nanoseconds * 1024 + rate - 1) / rate
    }
}
