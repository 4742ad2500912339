/// A set of one key's writes, by their number in the order of minting.
struct DotSet: Sendable {
    private var words: [UInt64] = []

    init() {}

    init(_ element: Int) {
        insert(element)
    }

    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
    var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    func contains(_ element: Int) -> Bool {
        element >> 6 < words.count && words[element >> 6] & (1 << UInt64(element & 63)) != 0
    }

    mutating func insert(_ element: Int) {
        while words.count <= element >> 6 { words.append(0) }
        words[element >> 6] |= 1 << UInt64(element & 63)
    }

    mutating func formUnion(_ other: DotSet) {
        while words.count < other.words.count { words.append(0) }
        for index in other.words.indices { words[index] |= other.words[index] }
    }

    mutating func subtract(_ other: DotSet) {
        for index in words.indices where index < other.words.count { words[index] &= ~other.words[index] }
    }

    /// Takes the greatest element out.
    mutating func popLast() -> Int? {
        while let last = words.last {
            guard last != 0 else {
                words.removeLast()
                continue
            }
            let bit = 63 - last.leadingZeroBitCount
            words[words.count - 1] &= ~(1 << UInt64(bit))
            return (words.count - 1) << 6 | bit
        }
        return nil
    }

    func subtracting(_ other: DotSet) -> DotSet {
        var rest = self
        for index in rest.words.indices where index < other.words.count { rest.words[index] &= ~other.words[index] }
        return rest
    }

    func isSubset(of other: DotSet) -> Bool {
        for index in words.indices {
            let covering = index < other.words.count ? other.words[index] : 0
            if words[index] & ~covering != 0 { return false }
        }
        return true
    }

    func equals(_ other: DotSet) -> Bool { isSubset(of: other) && other.isSubset(of: self) }

    /// Ascending.
    var elements: [Int] {
        var elements: [Int] = []
        for index in words.indices {
            var word = words[index]
            while word != 0 {
                elements.append(index << 6 | word.trailingZeroBitCount)
                word &= word - 1
            }
        }
        return elements
    }
}
