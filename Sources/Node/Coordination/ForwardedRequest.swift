import Placement

/// A write that this node handed to a holder and whose outcome it waits for. It is never sent twice: a write whose
/// coordinator is lost may have been minted, and a second mint would be a second write.
struct ForwardedRequest {
    let client: RequestID
    let coordinator: MemberID
    let timeoutMilliseconds: Int
    let deadline: Instant
}

/// Tells repeated forwards from one sender: the sender numbers what it forwards to us within each of its starts.
///
/// A number that has fallen out of the window is taken for a repetition: it is refused, and its sender answers "outcome
/// unknown", rather than a write be minted twice.
struct ForwardWindow {
    private static let width: UInt64 = 4096

    private var start: UInt64 = 0
    private var highest: UInt64 = 0
    /// Bit `n % width` says whether number n, of the last `width`, has come.
    private var seen = [UInt64](repeating: 0, count: Int(width / 64))

    /// Whether this is the first arrival of a forward that can be told from earlier ones.
    mutating func accepts(start: UInt64, sequence: UInt64) -> Bool {
        guard start >= self.start else { return false }
        if start > self.start {
            self.start = start
            highest = 0
            for word in seen.indices { seen[word] = 0 }
        }
        if sequence > highest {
            clear(after: highest, through: sequence)
            highest = sequence
        } else if highest - sequence >= Self.width {
            return false
        }
        let (word, bit) = Self.place(of: sequence)
        guard seen[word] & bit == 0 else { return false }
        seen[word] |= bit
        return true
    }

    private mutating func clear(after old: UInt64, through new: UInt64) {
        guard new - old < Self.width else {
            for word in seen.indices { seen[word] = 0 }
            return
        }
        for number in (old + 1)...new {
            let (word, bit) = Self.place(of: number)
            seen[word] &= ~bit
        }
    }

    private static func place(of number: UInt64) -> (word: Int, bit: UInt64) {
        (Int(number % width / 64), 1 << (number % 64))
    }
}
