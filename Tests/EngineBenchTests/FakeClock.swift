@testable import EngineBench

/// Time that passes only where a test lets it.
final class FakeClock: BenchClock, @unchecked Sendable {
    // Unchecked: the tests that use it have one thread.
    private(set) var time: UInt64 = 1_000_000_000

    func now() -> UInt64 { time }

    func wait(until moment: UInt64) {
        time = max(time, moment)
    }

    func pass(milliseconds: Double) {
        time += UInt64(milliseconds * 1e6)
    }
}

/// A store whose groups of puts take as long as the test says.
struct FakePort: PutPort {
    let clock: FakeClock
    /// How long the group with this number takes, in milliseconds.
    let groupTime: (Int) -> Double
    private(set) var groupSizes: [Int] = []
    private var waiting: [Int] = []

    init(_ clock: FakeClock, groupTime: @escaping (Int) -> Double) {
        self.clock = clock
        self.groupTime = groupTime
    }

    mutating func begin(client: Int) -> Bool {
        waiting.append(client)
        return false
    }

    /// All that wait are one group; nothing ends before its time is over.
    mutating func wait(until moment: UInt64?, ended: inout [Int]) {
        clock.pass(milliseconds: groupTime(groupSizes.count))
        groupSizes.append(waiting.count)
        ended.append(contentsOf: waiting)
        waiting.removeAll()
    }
}
