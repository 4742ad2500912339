import NIOConcurrencyHelpers
import NIOCore

/// How far a piece of work is: a bar that moves on a terminal, one line at its end elsewhere.
final class ProgressBar: Sendable {
    private struct State {
        var done = 0
        var shown: ContinuousClock.Instant?
    }

    private static let width = 30

    private let title: String
    private let total: Int
    private let isTerminal: Bool
    private let begin = ContinuousClock.now
    private let state = NIOLockedValueBox(State())

    init(_ title: String, total: Int, isTerminal: Bool = StandardStreams.outputIsTerminal) {
        self.title = title
        self.total = total
        self.isTerminal = isTerminal
    }

    /// Another piece is done. Draws at most ten times a second.
    func advance() { update { $0 += 1 } }

    /// So many are done in all.
    func reach(_ done: Int) { update { $0 = done } }

    private func update(_ change: (inout Int) -> Void) {
        let now = ContinuousClock.now
        let line = state.withLockedValue { state -> String? in
            change(&state.done)
            guard isTerminal, state.shown.map({ now - $0 > .milliseconds(100) }) ?? true else { return nil }
            state.shown = now
            return "\r" + self.line(done: state.done, now)
        }
        if let line { try? StandardStreams.write(.init(string: line)) }
    }

    /// The last line stays.
    func finish() throws(CommandFailure) {
        let last = line(done: state.withLockedValue { $0.done }, .now)
        try StandardStreams.print(isTerminal ? "\r" + last : last)
    }

    func line(done: Int, _ now: ContinuousClock.Instant) -> String {
        let seconds = max((now - begin).seconds, 0.001)
        let filled = total == 0 ? Self.width : Self.width * min(done, total) / total
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
        let rate = "\(Int((Double(done) / seconds).rounded()))/s"
        return "  \(title)  \(isTerminal ? bar + "  " : "")\(done) of \(total), \(seconds.tenths) s, \(rate)"
            + (isTerminal ? "  " : "")
    }
}

extension Duration {
    var seconds: Double {
        let (whole, atto) = components
        return Double(whole) + Double(atto) / 1e18
    }
}

extension Double {
    /// With one digit behind the point.
    var tenths: String { "\((self * 10).rounded() / 10)" }
}
