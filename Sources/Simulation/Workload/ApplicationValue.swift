import NIOCore
import Node
import Versions

/// A put's value as its application has it: numbers, four bytes each, the write's own number first.
///
/// A cart lists the numbers of all writes it knows of. A counter has pairs of a client and how often that client has
/// counted.
enum ApplicationValue {
    static func encode(_ numbers: [UInt32]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(numbers.count * 4)
        for number in numbers { buffer.writeInteger(number) }
        return buffer
    }

    static func decode(_ value: ByteBuffer) -> [UInt32] {
        var value = value
        var numbers: [UInt32] = []
        numbers.reserveCapacity(value.readableBytes / 4)
        while let number = value.readInteger(as: UInt32.self) { numbers.append(number) }
        return numbers
    }

    /// The number of the write that made a value.
    static func write(_ value: ByteBuffer) -> Int? {
        value.getInteger(at: value.readerIndex, as: UInt32.self).map(Int.init)
    }

    /// What an application makes of siblings (Dynamo §4.4): everything that any of them holds.
    static func merged(_ usage: KeyUsage, _ siblings: [Sibling]) -> [UInt32] {
        switch usage {
        case .cart:
            var items: [UInt32] = []
            for sibling in siblings { items.append(contentsOf: decode(sibling.content.value)) }
            items.sort()
            var unique: [UInt32] = []
            for item in items where item != unique.last { unique.append(item) }
            return unique
        case .counter:
            var counts: [UInt32] = []
            for sibling in siblings {
                let numbers = decode(sibling.content.value)
                for index in stride(from: 1, to: numbers.count - 1, by: 2) {
                    raise(&counts, of: numbers[index], to: numbers[index + 1])
                }
            }
            return counts
        case .blind, .deletions, .anything, .conditional, .probe: return []
        }
    }

    /// Sets a client's count in a list of pairs, if that is more than it was.
    static func raise(_ counts: inout [UInt32], of client: UInt32, to count: UInt32) {
        for index in stride(from: 0, to: counts.count - 1, by: 2) where counts[index] == client {
            counts[index + 1] = max(counts[index + 1], count)
            return
        }
        counts.append(client)
        counts.append(count)
    }

    static func count(_ counts: [UInt32], of client: UInt32) -> UInt32 {
        for index in stride(from: 0, to: counts.count - 1, by: 2) where counts[index] == client {
            return counts[index + 1]
        }
        return 0
    }
}
