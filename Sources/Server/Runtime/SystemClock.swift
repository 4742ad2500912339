import Glibc
import NIOCore
import Node

/// The system's clocks, as a node is handed them.
enum SystemClock {
    static func now() -> Time {
        var wall = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        return Time(
            monotonic: Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds),
            wall: UInt64(max(0, wall.tv_sec)) * 1000 + UInt64(wall.tv_nsec) / 1_000_000)
    }
}
