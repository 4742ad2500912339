/// Requests in flight, in a flat table: found by index and walked in index order, so that the same events give the same
/// effects in every process.
struct RequestTable<State> {
    private struct Slot {
        var serial: UInt64
        var state: State?
    }

    private static var slotBits: UInt64 { 20 }
    private static var kindBits: UInt64 { 3 }

    private let kind: RequestKind
    private var serial: UInt64
    private var slots: [Slot] = []
    private var free: [Int] = []
    private(set) var count = 0

    /// - Parameter seed: Differs from start to start, so that an answer meant for an earlier start finds nothing.
    init(kind: RequestKind, seed: UInt64) {
        self.kind = kind
        serial = seed >> (Self.slotBits + Self.kindBits)
    }

    static var capacity: Int { 1 << Int(slotBits) }

    mutating func insert(_ state: State) -> Correlation {
        precondition(count < Self.capacity, "\(count) requests in the table of \(kind), which holds \(Self.capacity)")
        serial = (serial &+ 1) & (UInt64.max >> (Self.slotBits + Self.kindBits))
        let index: Int
        if let reused = free.popLast() {
            index = reused
            slots[index] = Slot(serial: serial, state: state)
        } else {
            index = slots.count
            slots.append(Slot(serial: serial, state: state))
        }
        count += 1
        return identifier(of: index)
    }

    /// The request's state in place; nil where it has ended.
    subscript(correlation: Correlation) -> State? {
        _read {
            if let index = index(of: correlation) {
                yield slots[index].state
            } else {
                yield nil
            }
        }
        _modify {
            if let index = index(of: correlation) {
                yield &slots[index].state
            } else {
                var none: State?
                yield &none
            }
        }
    }

    mutating func remove(_ correlation: Correlation) {
        guard let index = index(of: correlation) else { return }
        slots[index].state = nil
        free.append(index)
        count -= 1
    }

    /// Those for which `predicate` holds, in a stable order.
    func identifiers(where predicate: (State) -> Bool) -> [Correlation] {
        slots.indices.filter { slots[$0].state.map(predicate) ?? false }.map(identifier(of:))
    }

    private func identifier(of index: Int) -> Correlation {
        (slots[index].serial << Self.slotBits | UInt64(index)) << Self.kindBits | kind.rawValue
    }

    private func index(of correlation: Correlation) -> Int? {
        let index = Int(correlation >> Self.kindBits & (1 << Self.slotBits - 1))
        guard index < slots.count, slots[index].state != nil, identifier(of: index) == correlation else { return nil }
        return index
    }
}

/// The low bits of a correlation: which table it belongs to.
enum RequestKind: UInt64 {
    case get = 0
    case put = 1
    case forward = 2
    case replica = 3
    case hint = 4
    case tree = 5

    /// Nil for what no table of this version gives.
    init?(of correlation: Correlation) {
        self.init(rawValue: correlation & 7)
    }
}
