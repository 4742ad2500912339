import Engines
import NIOCore
import Placement

/// What a store keeps of hints beside the hints themselves: how many there are, and the next one's place in the order
/// of delivery.
///
/// Its bounds are those of a node that others count on while holders are down: a full book makes it decline, so that
/// another one stands in (Dynamo §4.6), and nothing that it took is dropped.
struct HintBook {
    let limits: HintLimits
    private(set) var total = 0
    private(set) var bytes = 0
    private var nextOrder: UInt64 = 1

    /// Counts what the engine holds.
    init(_ limits: HintLimits, in engine: any LocalPersistenceEngine) throws {
        self.limits = limits
        var holders: Set<MemberID> = []
        try engine.scan(RecordKey.allHints) { key, value in
            guard let hint = RecordKey.hint(in: ByteBuffer(bytes: key)) else { return .proceed }
            holders.insert(hint.member)
            take(HintChange(hints: 1, bytes: value.count))
            return .proceed
        }
        for member in holders.sorted() {
            try engine.scan(RecordKey.hintOrders(for: member, after: 0)) { key, _ in
                if let order = RecordKey.hintOrder(in: ByteBuffer(bytes: key))?.order {
                    nextOrder = max(nextOrder, order + 1)
                }
                return .proceed
            }
        }
    }

    /// The limit that keeps a hint, or what joins one, from being taken; nil: there is room.
    func limit(isNew: Bool) -> Int? {
        if isNew, total >= limits.maximumHints { return limits.maximumHints }
        return bytes >= limits.maximumBytes ? limits.maximumBytes : nil
    }

    mutating func takeOrder() -> UInt64 {
        defer { nextOrder += 1 }
        return nextOrder
    }

    mutating func take(_ change: HintChange) {
        total += change.hints
        bytes += change.bytes
    }
}

/// By how much a write changes what is kept.
struct HintChange {
    let hints: Int
    let bytes: Int

    var reversed: HintChange { HintChange(hints: -hints, bytes: -bytes) }
}

/// How many hints a node keeps for others before it declines to stand in.
public struct HintLimits: Sendable, Equatable {
    public var maximumHints: Int
    public var maximumBytes: Int

    public init(maximumHints: Int = 1_000_000, maximumBytes: Int = 1 << 30) {
        self.maximumHints = maximumHints
        self.maximumBytes = maximumBytes
    }
}
