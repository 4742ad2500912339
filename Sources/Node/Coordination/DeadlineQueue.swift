/// Points in time at which requests want to be looked at again, earliest first. A request that ended earlier stays in
/// the queue until its time: whoever pops finds it gone.
struct DeadlineQueue {
    private struct Entry {
        var time: Instant
        /// Ties go by order of arrival, so that runs repeat.
        var order: UInt64
        var correlation: Correlation
    }

    private var heap: [Entry] = []
    private var order: UInt64 = 0

    var next: Instant? { heap.first?.time }
    var count: Int { heap.count }

    mutating func insert(_ correlation: Correlation, at time: Instant) {
        order += 1
        heap.append(Entry(time: time, order: order, correlation: correlation))
        var child = heap.count - 1
        while child > 0, precedes(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the earliest one that is due.
    mutating func pop(due now: Instant) -> Correlation? {
        guard let first = heap.first, first.time <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return first.correlation
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && precedes(child, least) {
                least = child
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        (heap[left].time, heap[left].order) < (heap[right].time, heap[right].order)
    }
}
