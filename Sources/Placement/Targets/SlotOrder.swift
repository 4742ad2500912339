/// Which of a partition's holders is in which slot.
///
/// A bucket type with a smaller n uses the first slots only, and the holder in the first coordinates most. So every
/// beginning of a row is spread over zones as evenly as the whole row allows, and every member is in the first slots in
/// proportion to what it holds.
struct SlotOrder {
    private let zoneOf: [Int]
    private let quotas: [Int]
    private let replicas: Int
    /// replicas × members: in how many rows so far the member is in the first slots, up to and with this one.
    private var early: [Int]

    init(zones: [Range<Int>], quotas: [Int], replicas: Int) {
        self.zoneOf = zones.enumerated().flatMap { zone, range in range.map { _ in zone } }
        self.quotas = quotas
        self.replicas = replicas
        self.early = Array(repeating: 0, count: replicas * quotas.count)
    }

    /// The order that a new cluster starts with. Partitions must be asked for once each, in order: who was early in the
    /// rows before is late in this one.
    mutating func ideal(_ holders: [Int]) -> [Int] {
        var left = holders
        var row: [Int] = []
        for slot in 0..<replicas {
            var best = 0
            for candidate in left.indices.dropFirst()
            where precedes(left[candidate], left[best], slot: slot, row: row) { best = candidate }
            row.append(left.remove(at: best))
            for member in row { early[slot * quotas.count + member] += 1 }
        }
        return row
    }

    private func precedes(_ first: Int, _ second: Int, slot: Int, row: [Int]) -> Bool {
        let firstCrowd = crowd(first, in: row)
        let secondCrowd = crowd(second, in: row)
        if firstCrowd != secondCrowd { return firstCrowd < secondCrowd }
        let base = slot * quotas.count
        // Compared as parts of the quotas, which are above 0 for a holder.
        return early[base + first] * quotas[second] < early[base + second] * quotas[first]
    }

    /// How many in the row are of the member's zone.
    private func crowd(_ member: Int, in row: [Int]) -> Int {
        row.reduce(0) { $0 + (zoneOf[$1] == zoneOf[member] ? 1 : 0) }
    }

    /// The same holders such that those which held the partition before keep their slots.
    ///
    /// The others take the slots that are free from the first on: of zones that no holder of an earlier slot is in,
    /// then of zones that no holder who stays is in, then in ideal order. Looks at no other partition, so that nodes
    /// whose views differ elsewhere agree here.
    ///
    /// - Parameter previous: by slot, the member or nil. It may have more slots than there are now: holders who stay
    ///   but whose slot is gone take free ones first.
    func kept(_ ideal: [Int], previous: [Int?]) -> [Int] {
        var row: [Int?] = Array(repeating: nil, count: replicas)
        for (slot, member) in previous.prefix(replicas).enumerated() {
            if let member, ideal.contains(member) { row[slot] = member }
        }
        let homeless = previous.dropFirst(replicas).compactMap { $0 }.filter { ideal.contains($0) }
        for (member, slot) in zip(homeless, row.indices.filter { row[$0] == nil }) { row[slot] = member }

        var entering = ideal.filter { !row.contains($0) }
        for slot in row.indices where row[slot] == nil {
            let earlier = row[..<slot].compactMap { $0 }
            let all = row.compactMap { $0 }
            var best = 0
            for candidate in entering.indices.dropFirst() {
                let crowding = (crowd(entering[candidate], in: earlier), crowd(entering[candidate], in: all))
                if crowding < (crowd(entering[best], in: earlier), crowd(entering[best], in: all)) { best = candidate }
            }
            row[slot] = entering.remove(at: best)
        }
        return row.compactMap { $0 }
    }
}
