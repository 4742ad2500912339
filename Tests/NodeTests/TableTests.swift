import Testing

@testable import Node

@Suite struct TableTests {
    @Test("a request table finds what is in it, and nothing that ended or was another start's")
    func requestTable() {
        for seed in UInt64(0)..<8 {
            var generator = SplitMix64(seed: seed)
            var table = RequestTable<Int>(kind: .put, seed: generator.next())
            var model: [(Correlation, Int)] = []
            var ended: [Correlation] = []
            for step in 0..<2000 {
                if model.isEmpty || generator.below(100) < 55 {
                    let correlation = table.insert(step)
                    #expect(!model.contains { $0.0 == correlation } && !ended.contains(correlation), "seed \(seed)")
                    #expect(RequestKind(of: correlation) == .put)
                    model.append((correlation, step))
                } else {
                    let (correlation, _) = model.remove(at: generator.below(model.count))
                    table.remove(correlation)
                    table.remove(correlation)
                    ended.append(correlation)
                }
                #expect(table.count == model.count, "seed \(seed), step \(step)")
            }
            for (correlation, value) in model { #expect(table[correlation] == value, "seed \(seed)") }
            for correlation in ended { #expect(table[correlation] == nil, "seed \(seed)") }
            let even = table.identifiers { $0.isMultiple(of: 2) }
            #expect(Set(even) == Set(model.filter { $0.1.isMultiple(of: 2) }.map(\.0)), "seed \(seed)")
            let later = RequestTable<Int>(kind: .put, seed: generator.next())
            for (correlation, _) in model { #expect(later[correlation] == nil, "seed \(seed)") }
        }
    }

    @Test("a state is changed in place; changing what is not there does nothing")
    func changing() {
        var table = RequestTable<Int>(kind: .get, seed: 1)
        let correlation = table.insert(1)
        table[correlation]? += 5
        #expect(table[correlation] == 6)
        table.remove(correlation)
        table[correlation]? += 5
        #expect(table[correlation] == nil)
        #expect(table.count == 0)
    }

    @Test("deadlines come out in order of time, those of one instant in order of arrival")
    func deadlines() {
        for seed in UInt64(0)..<50 {
            var generator = SplitMix64(seed: seed)
            var queue = DeadlineQueue()
            var model: [(time: UInt64, order: Int, correlation: Correlation)] = []
            for step in 0..<400 {
                if generator.below(3) > 0 {
                    let time = UInt64(generator.below(40))
                    queue.insert(Correlation(step), at: Instant(nanoseconds: time))
                    model.append((time, step, Correlation(step)))
                } else {
                    let now = UInt64(generator.below(40))
                    let first = model.min { ($0.time, $0.order) < ($1.time, $1.order) }
                    #expect(queue.next?.nanoseconds == first?.time, "seed \(seed)")
                    let popped = queue.pop(due: Instant(nanoseconds: now))
                    if let first, first.time <= now {
                        #expect(popped == first.correlation, "seed \(seed)")
                        model.removeAll { $0.order == first.order }
                    } else {
                        #expect(popped == nil, "seed \(seed)")
                    }
                }
                #expect(queue.count == model.count)
            }
        }
    }

    @Test("a forward is accepted once, whatever comes between and in whatever order")
    func forwardWindow() {
        for seed in UInt64(0)..<8 {
            var generator = SplitMix64(seed: seed)
            var window = ForwardWindow()
            var seen: Set<UInt64> = []
            var start: UInt64 = 1
            var highest: UInt64 = 0
            for step in 0..<4000 {
                if generator.below(500) == 0 {
                    start += 1
                    highest = 0
                    seen = []
                }
                let isOld = start > 1 && generator.below(20) == 0
                let reach = generator.below(10) == 0 ? 6000 : 40
                let sequence = UInt64(max(1, Int(highest) + generator.below(reach) - reach / 2))
                let accepted = window.accepts(start: isOld ? start - 1 : start, sequence: sequence)
                if isOld {
                    #expect(!accepted, "seed \(seed), step \(step): start \(start - 1) after \(start)")
                    continue
                }
                // Further back than the window reaches, nothing can be told apart: it is refused.
                let isBeyond = highest >= sequence && highest - sequence >= 4096
                #expect(accepted == (!seen.contains(sequence) && !isBeyond), "seed \(seed), step \(step): \(sequence)")
                if accepted { seen.insert(sequence) }
                highest = max(highest, sequence)
            }
        }
    }
}
