public import Placement

/// Everything that a node asks of the world.
public enum Effect: Sendable {
    case send(Message, to: MemberID)
    case storage(StorageRequest)
    case scanHints(HintScan)
    case trees(TreeRequest)
    /// Make the record durable, as one replacement of what was there; then ``Event/persisted(revision:)``.
    case persist(NodeRecord)
    case reply(RequestID, ClientReply)
}

/// Collects the effects of events, in order. The driver hands the same queue in again and again and drains it after
/// each event (or batch of events), so that the hot path makes no array anew.
public struct EffectQueue: ~Copyable {
    @usableFromInline var effects: [Effect] = []

    public init() {
        effects.reserveCapacity(256)
    }

    public var isEmpty: Bool { effects.isEmpty }

    public mutating func emit(_ effect: Effect) {
        effects.append(effect)
    }

    /// Hands each effect to `body`, in order, and empties the queue. `body` must not reach the queue.
    public mutating func drain(_ body: (Effect) -> Void) {
        for index in effects.indices {
            body(effects[index])
        }
        effects.removeAll(keepingCapacity: true)
    }
}
