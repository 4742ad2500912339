/// A power cut at a place of a journal.
enum PowerCut {
    /// What a cut takes and leaves, drawn from a seed.
    struct Fate {
        private var random: SplitMix64
        /// Of what is not synced: how often all of it is left, and how often nothing of the rest.
        private let all: Double
        private let none: Double

        init(seed: UInt64) {
            random = SplitMix64(seed: seed)
            all = [0, 0.1, 0.5, 0.9, 1].randomElement(using: &random) ?? 0.5
            none = [0, 0.5, 1].randomElement(using: &random) ?? 0.5
        }

        /// How many of a sector's changes it shows.
        mutating func changes(of count: Int, from least: Int) -> Int {
            if chance(all) { return count }
            return chance(none) ? least : Int.random(in: least...count, using: &random)
        }

        /// How many of a folder's.
        mutating func names(of count: Int) -> Int {
            changes(of: count, from: 0)
        }

        /// One of those that a file has had, or between two of them.
        mutating func length(among lengths: [Int], from least: Int, step: Int) -> Int {
            let index = changes(of: lengths.count - 1, from: least)
            guard index + 1 < lengths.count, chance(0.3) else { return lengths[index] }
            let (shorter, longer) = (min(lengths[index], lengths[index + 1]), max(lengths[index], lengths[index + 1]))
            let between = Int.random(in: shorter...longer, using: &random)
            return max(shorter, between / step * step)
        }

        /// At times a sector that the disk was writing, and how many bytes of it are new.
        mutating func tear(among sectors: Range<Int>, bytes: Int) -> (sector: Int, bytes: Int)? {
            guard bytes == JournaledFile.sectorBytes, chance(0.3), let sector = sectors.randomElement(using: &random)
            else { return nil }
            return (sector, Int.random(in: 1..<bytes, using: &random))
        }

        mutating func garbage(_ count: Int) -> [UInt8] {
            if chance(0.3) { return Array(repeating: 0, count: count) }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count + 8)
            while bytes.count < count { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
            bytes.removeLast(bytes.count - count)
            return bytes
        }

        private mutating func chance(_ probability: Double) -> Bool {
            Double.random(in: 0..<1, using: &random) < probability
        }
    }
}
