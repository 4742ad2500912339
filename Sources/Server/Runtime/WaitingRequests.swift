import Node

/// The client requests that wait for the node's answer, in a flat table: whom to tell, by request id.
struct WaitingRequests {
    typealias Reply = @Sendable (ClientReply) -> Void

    private struct Slot {
        var serial: UInt32
        var reply: Reply?
    }

    private var slots: [Slot] = []
    private var free: [Int] = []
    private(set) var count = 0

    mutating func insert(_ reply: @escaping Reply) -> RequestID {
        count += 1
        let index: Int
        if let reused = free.popLast() {
            index = reused
            slots[index].serial &+= 1
            slots[index].reply = reply
        } else {
            index = slots.count
            slots.append(Slot(serial: 0, reply: reply))
        }
        return RequestID(rawValue: UInt64(slots[index].serial) << 32 | UInt64(index))
    }

    /// Nil for a request that was answered before.
    mutating func take(_ id: RequestID) -> Reply? {
        let index = Int(id.rawValue & 0xFFFF_FFFF)
        guard index < slots.count, UInt64(slots[index].serial) == id.rawValue >> 32, let reply = slots[index].reply
        else { return nil }
        slots[index].reply = nil
        free.append(index)
        count -= 1
        return reply
    }

    /// Empties the table.
    mutating func takeAll() -> [Reply] {
        var replies: [Reply] = []
        for index in slots.indices {
            guard let reply = slots[index].reply else { continue }
            replies.append(reply)
            slots[index].reply = nil
            free.append(index)
        }
        count = 0
        return replies
    }
}
