import Placement
import Testing

@testable import Node

@Suite struct QuorumTallyTests {
    @Test("a write's tally agrees with plain counting, for all numbers and all courses of events")
    func writes() {
        for n in 1...4 {
            for w in 1...n {
                for pw in 0...n {
                    for dw in 0...n {
                        for course in courses(of: n) { check(n: n, w: w, pw: pw, dw: dw, course) }
                    }
                }
            }
        }
    }

    /// 0: failed, 1: stored, 2: stored durably.
    private func check(n: Int, w: Int, pw: Int, dw: Int, _ course: [Int]) {
        let tally = WriteTally(w: w, pw: pw, dw: dw)
        var slots = Self.slots(n)
        for (position, answer) in course.enumerated() {
            _ = slots[position].onAnswer(from: slots[position].holder, Self.result(answer))
            let seen = course[...position]
            let stored = seen.filter { $0 > 0 }.count
            let durable = seen.filter { $0 == 2 }.count
            let left = n - seen.count
            let expected: QuorumVerdict =
                if stored >= w, stored >= pw, durable >= dw {
                    .met
                } else if stored + left < w {
                    .impossible(.w, needed: w, got: stored)
                } else if stored + left < pw {
                    .impossible(.pw, needed: pw, got: stored)
                } else if durable + left < dw {
                    .impossible(.dw, needed: dw, got: durable)
                } else {
                    .undecided
                }
            // A plain comparison: there are hundreds of thousands.
            let verdict = tally.verdict(of: slots)
            if verdict != expected {
                Issue.record("n \(n), w \(w), pw \(pw), dw \(dw), \(seen): \(verdict), not \(expected)")
            }
        }
    }

    private static func slots(_ n: Int) -> [ReplicaSlot] {
        (0..<n).map { ReplicaSlot(holder: MemberID(rawValue: UInt64($0)), isAsked: true) }
    }

    private static func result(_ answer: Int) -> Result<Bool, ReplicaFailure> {
        answer == 0 ? .failure(.linkLost) : .success(answer == 2)
    }

    @Test("a holder and its stand-in fill one place between them, and only the holder counts for PW")
    func standIns() {
        let standIn = MemberID(rawValue: 99)
        let tally = WriteTally(w: 2, pw: 1, dw: 1)
        var slots = Self.slots(2)
        slots[0].engage(standIn)
        let isFirst = slots[0].onAnswer(from: standIn, .success(true))
        let isRepeated = !slots[0].onAnswer(from: standIn, .success(true))
        let holder = slots[0].holder
        let isHolders = slots[0].onAnswer(from: holder, .failure(.linkLost))
        #expect(isFirst && isRepeated && isHolders)
        #expect(tally.verdict(of: slots) == .undecided)
        _ = slots[1].onAnswer(from: slots[1].holder, .success(false))
        #expect(tally.verdict(of: slots) == .met)
        let one = WriteTally(w: 1, pw: 2, dw: 0)
        #expect(one.verdict(of: slots) == .impossible(.pw, needed: 2, got: 1))
        var both = Self.slots(2)
        both[0].engage(standIn)
        _ = both[0].onAnswer(from: standIn, .success(true))
        _ = both[0].onAnswer(from: both[0].holder, .success(true))
        #expect(tally.verdict(of: both) == .undecided, "two copies in one place")
    }

    @Test("a read's tally agrees with plain counting, for all numbers and all courses of events")
    func reads() {
        for n in 1...4 {
            for r in 1...n {
                for pr in 0...n {
                    for notFoundOK in [false, true] {
                        for basicQuorum in [nil, n / 2 + 1] {
                            for course in courses(of: n) {
                                check(n: n, r: r, pr: pr, notFoundOK, basicQuorum, course)
                            }
                        }
                    }
                }
            }
        }
    }

    /// 0: failed, 1: has none, 2: has a copy.
    private func check(n: Int, r: Int, pr: Int, _ notFoundOK: Bool, _ basicQuorum: Int?, _ course: [Int]) {
        var tally = ReadTally(
            r: r, pr: pr, notFoundOK: notFoundOK, basicQuorum: basicQuorum, candidates: n, holders: n)
        for (position, answer) in course.enumerated() {
            switch answer {
            case 0: tally.onFailed(isHolder: true)
            case 1: tally.onNotFound(isHolder: true)
            default: tally.onFound(isHolder: true)
            }
            let seen = course[...position]
            let left = n - seen.count
            let none = seen.filter { $0 == 1 }.count
            let got = seen.filter { $0 == 2 || ($0 == 1 && notFoundOK) }.count
            let allNone = none == seen.count
            let expected: QuorumVerdict =
                if got >= r, got >= pr {
                    .met
                } else if allNone, left == 0 || none >= basicQuorum ?? .max {
                    .met
                } else if allNone {
                    .undecided
                } else if got + left < r {
                    .impossible(.r, needed: r, got: got)
                } else if got + left < pr {
                    .impossible(.pr, needed: pr, got: got)
                } else {
                    .undecided
                }
            if tally.verdict != expected || tally.wanted != max(0, r - got, pr - got) {
                Issue.record(
                    """
                    n \(n), r \(r), pr \(pr), notfound_ok \(notFoundOK), basic quorum \(basicQuorum ?? 0), \(seen): \
                    \(tally.verdict), not \(expected); \(tally.wanted) wanted
                    """)
            }
        }
    }

    /// All sequences of `n` answers out of three.
    private func courses(of n: Int) -> [[Int]] {
        (0..<n).reduce([[]]) { courses, _ in courses.flatMap { course in (0..<3).map { course + [$0] } } }
    }

    @Test("the numbers of a failure are those of the quorum that fails first")
    func numbers() {
        let tally = WriteTally(w: 3, pw: 0, dw: 0)
        var slots = Self.slots(3)
        _ = slots[0].onAnswer(from: slots[0].holder, .success(false))
        _ = slots[1].onAnswer(from: slots[1].holder, .failure(.linkLost))
        #expect(tally.verdict(of: slots) == .impossible(.w, needed: 3, got: 1))
        #expect(tally.lacking(slots).needed == 3 && tally.lacking(slots).got == 1)
    }
}
