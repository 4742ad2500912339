import Testing

@testable import Versions

@Suite("Hybrid time")
struct HybridClockTests {
    private func running(at wall: UInt64) -> HybridClock {
        var clock = HybridClock(ceiling: .zero)
        if let ceiling = clock.reservationNeeded(wall: wall) { clock.reserved(ceiling) }
        return clock
    }

    @Test("48 bits of milliseconds, 16 of ticks; next carries over and stops at the end")
    func layout() {
        let time = HybridTime(milliseconds: 1_700_000_000_123)
        #expect(time.rawValue == 1_700_000_000_123 << 16)
        #expect(time.milliseconds == 1_700_000_000_123)
        #expect(time.seconds == 1_700_000_000)
        #expect(time.next.rawValue == time.rawValue + 1)
        #expect(HybridTime(rawValue: time.rawValue | 0xffff).next == HybridTime(milliseconds: time.milliseconds + 1))
        #expect(HybridTime(rawValue: .max).next == HybridTime(rawValue: .max))
        #expect(HybridTime(milliseconds: .max).milliseconds == (1 << 48) - 1)
        #expect(HybridTime(milliseconds: .max).seconds == .max)
    }

    @Test("a clock issues nothing before a ceiling is durable, and nothing at or above it")
    func ceilingHolds() throws {
        var clock = HybridClock(ceiling: .zero)
        #expect(clock.now(wall: 5_000) == nil)
        #expect(clock.reservationNeeded(wall: 5_000) == HybridTime(milliseconds: 15_000))
        clock.reserved(HybridTime(milliseconds: 15_000))
        #expect(clock.now(wall: 5_000) == HybridTime(milliseconds: 5_000))
        #expect(clock.reservationNeeded(wall: 9_999) == nil)
        #expect(clock.reservationNeeded(wall: 10_001) == HybridTime(milliseconds: 20_001))
        // Too late with the reservation: ticks below the ceiling.
        #expect(clock.now(wall: 30_000) == HybridTime(milliseconds: 5_000).next)
        // At the very end: nothing more.
        clock = HybridClock(ceiling: .zero)
        clock.reserved(HybridTime(rawValue: 3))
        #expect([1, 2, 3].map { clock.now(wall: $0)?.rawValue } == [1, 2, nil])
        // Late and early confirmations.
        clock.reserved(HybridTime(rawValue: 9))
        clock.reserved(HybridTime(rawValue: 5))
        #expect(clock.ceiling == HybridTime(rawValue: 9))
    }

    @Test("what others' clocks are ahead is given up for the ceiling before the own clock is")
    func observedAhead() {
        var clock = running(at: 1_000_000)
        #expect(clock.now(wall: 1_000_000) == HybridTime(milliseconds: 1_000_000))
        clock.observe(HybridTime(milliseconds: 1_050_000))
        #expect(clock.now(wall: 1_008_000) == HybridTime(milliseconds: 1_008_000), "not a tick after the last stamp")
        #expect(clock.now(wall: 1_011_000) == HybridTime(milliseconds: 1_008_000).next, "past its ceiling it ticks")
        if let ceiling = clock.reservationNeeded(wall: 1_011_000) { clock.reserved(ceiling) }
        #expect(clock.now(wall: 1_011_000) == HybridTime(milliseconds: 1_050_000).next)
    }

    @Test("a reservation is needed when so many milliseconds have passed, and not before")
    func untilReservation() {
        for wall in stride(from: 1_000_000, to: 1_012_000, by: 7) as StrideTo<UInt64> {
            let clock = running(at: 1_000_000)
            let rest = clock.millisecondsToReservation(wall: wall)
            #expect((rest == 0) == (clock.reservationNeeded(wall: wall) != nil))
            #expect(clock.reservationNeeded(wall: wall + rest) != nil)
            if rest > 0 { #expect(clock.reservationNeeded(wall: wall + rest - 1) == nil) }
        }
    }

    @Test("stamps ascend over wall clocks that jump back, observed stamps, crashes and late reservations")
    func monotone() {
        var issued = 0
        for seed in 0..<300 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            var durable = HybridTime.zero
            var clock = HybridClock(ceiling: durable)
            var wall: UInt64 = 1_700_000_000_000
            var last = HybridTime.zero
            for step in 0..<400 {
                switch random.below(20) {
                case 0: wall -= UInt64(random.below(30_000))
                case 1: wall += UInt64(random.below(30_000))
                case 2: clock = HybridClock(ceiling: durable)
                case 3: clock.observe(HybridTime(milliseconds: wall + UInt64(random.below(60_000))))
                case 4:
                    guard let ceiling = clock.reservationNeeded(wall: wall) else { break }
                    durable = max(durable, ceiling)
                    // A crash between the sync and its confirmation.
                    if random.chance(4, in: 5) { clock.reserved(ceiling) }
                default:
                    wall += UInt64(random.below(20))
                    guard let stamp = clock.now(wall: wall) else { break }
                    issued += 1
                    #expect(stamp > last, "seed \(seed) step \(step)")
                    #expect(stamp < durable, "seed \(seed) step \(step)")
                    last = stamp
                }
            }
        }
        #expect(issued > 30_000)
    }

    @Test("the clock follows observed stamps where the ceiling allows, and never stops for one beyond it")
    func observing() throws {
        var clock = running(at: 1_000_000)
        let near = HybridTime(milliseconds: 1_004_000)
        clock.observe(near)
        #expect(clock.now(wall: 1_000_000) == near.next)
        let far = HybridTime(milliseconds: 1_050_000)
        clock.observe(far)
        #expect(clock.now(wall: 1_000_001) == near.next.next)
        let ceiling = try #require(clock.reservationNeeded(wall: 1_000_001))
        #expect(ceiling == HybridTime(milliseconds: 1_050_010), "room for ticks, not for another window")
        clock.reserved(ceiling)
        #expect(clock.now(wall: 1_000_002) == far.next)
    }

    @Test("a crash loop does not drive stamps further ahead of the wall clock than the window")
    func crashLoop() throws {
        var ceiling = HybridTime.zero
        var wall: UInt64 = 1_700_000_000_000
        for restart in 0..<1000 {
            var clock = HybridClock(ceiling: ceiling)
            ceiling = clock.reservationNeeded(wall: wall) ?? ceiling
            clock.reserved(ceiling)
            let issued = clock.now(wall: wall)
            let stamp = try #require(issued, "restart \(restart): nothing left to issue")
            #expect(stamp.milliseconds <= wall + HybridClock.defaultWindow + 10, "restart \(restart)")
            #expect(HybridClock(ceiling: .zero).accepts(stamp, wall: wall))
            wall += 20
        }
    }

    @Test("stamps beyond the skew are refused, those of a peer that has just restarted are not")
    func skew() throws {
        var clock = running(at: 1_000_000)
        #expect(clock.accepts(HybridTime(milliseconds: 1_060_000), wall: 1_000_000))
        #expect(!clock.accepts(HybridTime(milliseconds: 1_060_001), wall: 1_000_000))
        #expect(clock.accepts(.zero, wall: 1_000_000))
        #expect(!clock.accepts(HybridTime(rawValue: .max), wall: 1_000_000))

        _ = clock.now(wall: 1_000_000)
        var restarted = HybridClock(ceiling: clock.ceiling)
        restarted.reserved(try #require(restarted.reservationNeeded(wall: 1_000_001)))
        let stamp = try #require(issue(&restarted, at: 1_000_001))
        #expect(stamp > clock.ceiling)
        #expect(clock.accepts(stamp, wall: 1_000_001))
    }

    private func issue(_ clock: inout HybridClock, at wall: UInt64) -> HybridTime? {
        clock.now(wall: wall)
    }
}
