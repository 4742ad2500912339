import NIOCore

/// Keeps what strangers can bring about from filling the log: so many lines in a span of time, then a count of those
/// left out.
struct LineLimiter {
    private let lines: Int
    private let span: TimeAmount
    private var begun = NIODeadline.uptimeNanoseconds(0)
    private var written = 0
    private var suppressed = 0

    init(lines: Int, span: TimeAmount) {
        self.lines = lines
        self.span = span
    }

    /// Nil: write nothing. Otherwise what to append to the line.
    mutating func admit(_ now: NIODeadline = .now()) -> String? {
        if now - begun >= span {
            begun = now
            written = 0
        }
        guard written < lines else {
            suppressed += 1
            return nil
        }
        written += 1
        defer { suppressed = 0 }
        return suppressed == 0 ? "" : " (\(suppressed) such lines left out before)"
    }
}
