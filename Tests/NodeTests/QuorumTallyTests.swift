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
        var tally = WriteTally(w: w, pw: pw, dw: dw, replicas: n, holders: n)
        for (position, answer) in course.enumerated() {
            switch answer {
            case 0: tally.onFailed(isHolder: true)
            default: tally.onStored(isHolder: true, durable: answer == 2)
            }
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
            if tally.verdict != expected {
                Issue.record("n \(n), w \(w), pw \(pw), dw \(dw), \(seen): \(tally.verdict), not \(expected)")
            }
        }
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
        var tally = WriteTally(w: 3, pw: 0, dw: 0, replicas: 3, holders: 3)
        tally.onStored(isHolder: true, durable: false)
        tally.onFailed(isHolder: true)
        #expect(tally.verdict == .impossible(.w, needed: 3, got: 1))
        #expect(tally.lacking.needed == 3 && tally.lacking.got == 1)
    }
}
