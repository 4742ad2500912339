/// A file of the log. Its name is its generation, which goes up with each file that is begun: also where an old one is
/// renamed to be written over.
struct LogSegment: Equatable {
    let generation: UInt64
    let bytes: Int
    /// Of the newest commit in it.
    var lastNumber: UInt64 = 0

    var name: String {
        let digits = String(generation)
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + Self.suffix
    }

    private static let suffix = ".log"

    init(generation: UInt64, bytes: Int) {
        self.generation = generation
        self.bytes = bytes
    }

    /// Nil for a file that is no segment.
    init?(name: String, bytes: Int) {
        guard name.hasSuffix(Self.suffix), let generation = UInt64(name.dropLast(Self.suffix.count)) else { return nil }
        self.init(generation: generation, bytes: bytes)
    }
}
