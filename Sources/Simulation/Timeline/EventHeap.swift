/// What will happen, earliest first; what falls on one instant happens in the order in which it was planned.
struct EventHeap<Element> {
    private struct Entry {
        var time: UInt64
        var sequence: UInt64
        /// Where the element lies: elements stay in place, so that only numbers are moved about.
        var slot: Int
    }

    private var heap: [Entry] = []
    private var elements: [Element?] = []
    private var free: [Int] = []
    private var sequence: UInt64 = 0

    /// - Parameter time: Nanoseconds since the run began.
    mutating func insert(_ element: Element, at time: UInt64) {
        sequence += 1
        let slot = free.popLast() ?? elements.count
        if slot == elements.count {
            elements.append(element)
        } else {
            elements[slot] = element
        }
        let entry = Entry(time: time, sequence: sequence, slot: slot)
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard Self.precedes(entry, heap[parent]) else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = entry
    }

    mutating func pop() -> (time: UInt64, element: Element)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty { sink(last) }
        guard let element = elements[first.slot].take() else {
            preconditionFailure("nothing lies in slot \(first.slot) of \(elements.count)")
        }
        free.append(first.slot)
        return (first.time, element)
    }

    /// Puts `entry` where the first was, or below.
    private mutating func sink(_ entry: Entry) {
        var parent = 0
        while 2 * parent + 1 < heap.count {
            var child = 2 * parent + 1
            if child + 1 < heap.count, Self.precedes(heap[child + 1], heap[child]) { child += 1 }
            guard Self.precedes(heap[child], entry) else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = entry
    }

    private static func precedes(_ left: Entry, _ right: Entry) -> Bool {
        left.time == right.time ? left.sequence < right.sequence : left.time < right.time
    }
}
