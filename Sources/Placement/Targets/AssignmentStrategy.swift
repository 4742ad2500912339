/// Works out who should hold what. Dynamo §6.2 compares three ways.
public protocol AssignmentStrategy: Sendable {
    /// The wished holders: each partition's are a function of the valid members alone, whatever their order in
    /// `members` and whatever `previous`, so that nodes that know the same members wish the same.
    ///
    /// - Parameters:
    ///   - members: all members, no id twice. Only valid ones are given slots.
    ///   - replicas: N. With fewer valid members every one of them holds everything, and the target has as many slots.
    ///   - previous: who holds what at present, if anybody: decides nothing but which of its holders is in which slot.
    func target(
        members: [Member], partitioning: Partitioning, replicas: Int, previous: SlotTable?
    ) -> TargetAssignment
}

/// The wished holders of everything.
public struct TargetAssignment: Sendable {
    /// All versions are 0.
    public let table: SlotTable
    /// Where each partition begins, in the top 64 bits of the key's hash; ascending from 0.
    private let starts: Starts

    private enum Starts: Sendable {
        case equal(Partitioning)
        case tokens([UInt64])
    }

    init(table: SlotTable, partitioning: Partitioning) {
        self.table = table
        self.starts = .equal(partitioning)
    }

    init(table: SlotTable, starts: [UInt64]) {
        self.table = table
        self.starts = .tokens(starts)
    }

    public func partition(of hash: KeyHash) -> Int {
        switch starts {
        case .equal(let partitioning):
            return partitioning.partition(of: hash)
        case .tokens(let starts):
            var low = 0
            var high = starts.count
            while high - low > 1 {
                let middle = (low + high) / 2
                if starts[middle] <= hash.high { low = middle } else { high = middle }
            }
            return low
        }
    }

    /// The partition's part of the key space; all add up to 1.
    public func width(of partition: Int) -> Double {
        switch starts {
        case .equal(let partitioning):
            return 1 / Double(partitioning.count)
        case .tokens(let starts):
            let end = partition + 1 < starts.count ? Double(starts[partition + 1]) : 0x1p64
            return (end - Double(starts[partition])) * 0x1p-64
        }
    }
}
