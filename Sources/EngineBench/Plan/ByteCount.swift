/// A number of bytes as people write it: `100`, `100B`, `1KiB`, `1.5 MiB`.
public struct ByteCount: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let bytes: Int

    private static let units = ["B", "KiB", "MiB", "GiB"]

    public init(_ bytes: Int) {
        self.bytes = bytes
    }

    /// Nil where the text is no whole number of bytes above 0. Units need not be written in full: `16k`, `1M`.
    public init?(parsing text: String) {
        let number = text.prefix { $0.isNumber || $0 == "." }
        let unit = text.dropFirst(number.count).drop { $0 == " " }.lowercased()
        guard let value = Double(number) else { return nil }
        let found = Self.units.indices.first { index in
            let name = Self.units[index].lowercased()
            return unit == name || (unit.isEmpty && index == 0) || (index > 0 && unit == name.prefix(1))
        }
        guard let found else { return nil }
        let bytes = value * Double(1 << (10 * found))
        guard bytes >= 1, bytes < 1e15, bytes.rounded() == bytes else { return nil }
        self.bytes = Int(bytes)
    }

    /// `1.5 MiB`.
    public var description: String {
        var (value, unit) = (Double(bytes), 0)
        while value >= 1024, unit < Self.units.count - 1 {
            value /= 1024
            unit += 1
        }
        let rounded = (value * 10).rounded() / 10
        return rounded == rounded.rounded() ? "\(Int(rounded)) \(Self.units[unit])" : "\(rounded) \(Self.units[unit])"
    }

    public static func < (left: ByteCount, right: ByteCount) -> Bool {
        left.bytes < right.bytes
    }
}
