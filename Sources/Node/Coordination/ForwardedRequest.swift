import Placement

/// A client's write and who has coordinated it so far.
///
/// A holder that cannot mint (its disk is full, its store ended, it has just started) is passed over, and the next one
/// is asked: "always writeable" (Dynamo §2.3). Each holder is asked at most once, and only where the one before said
/// that it minted nothing: a write whose coordinator is lost may have been minted, and a second mint would be a second
/// write.
struct ClientWrite {
    let id: RequestID
    let request: ClientRequest
    let bucketType: Int
    let timeoutMilliseconds: Int
    let deadline: Instant
    private(set) var passedOver: [MemberID] = []
    /// Of the last that was passed over.
    private(set) var refusal: RequestFailure?

    init(id: RequestID, request: ClientRequest, bucketType: Int, timeoutMilliseconds: Int, deadline: Instant) {
        self.id = id
        self.request = request
        self.bucketType = bucketType
        self.timeoutMilliseconds = timeoutMilliseconds
        self.deadline = deadline
    }

    mutating func passOver(_ coordinator: MemberID, _ refusal: RequestFailure) {
        passedOver.append(coordinator)
        self.refusal = refusal
    }
}

/// Whom a write's outcome is told.
enum RequestOrigin {
    case client(ClientWrite)
    case peer(MemberID, Correlation)
}

/// A write that this node handed to a holder and whose outcome it waits for.
struct ForwardedRequest {
    let write: ClientWrite
    let coordinator: MemberID
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
