import Synchronization

/// What the bodies of all connections may take of memory at a time.
final class BodyBudget: Sendable {
    private let limit: Int
    private let taken = Atomic<Int>(0)

    init(limit: Int) {
        self.limit = limit
    }

    var used: Int { taken.load(ordering: .relaxed) }

    /// False if that would be too much; then nothing is taken.
    func take(_ bytes: Int) -> Bool {
        let total = taken.add(bytes, ordering: .relaxed).newValue
        guard total > limit else { return true }
        taken.subtract(bytes, ordering: .relaxed)
        return false
    }

    func give(back bytes: Int) {
        guard bytes > 0 else { return }
        let total = taken.subtract(bytes, ordering: .relaxed).newValue
        precondition(total >= 0, "\(-total) bytes more given back than were taken")
    }
}
