/// What placement refuses, with the numbers and what would be accepted.
public enum PlacementError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A number of partitions that is no power of two in ``Partitioning/allowedCounts``.
    case partitionCount(Int)
    /// A member's weight outside ``Member/allowedWeights``.
    case weight(Double, member: String)
    /// Bytes that are no ``ObjectKey``: a part's length or the bytes behind it are missing.
    case truncatedKey(bytes: Int, needed: Int)
    /// Bytes that go on after an ``ObjectKey``'s last part.
    case trailingKeyBytes(bytes: Int, expected: Int)
    /// Text that is no ``MemberID``.
    case memberID(String)

    public var description: String {
        switch self {
        case .partitionCount(let count):
            let allowed = Partitioning.allowedCounts
            return "\(count) partitions: must be a power of two from \(allowed.lowerBound) to \(allowed.upperBound)"
        case .weight(let weight, let member):
            let allowed = Member.allowedWeights
            return "weight \(weight) of member \(member): must be from \(allowed.lowerBound) to \(allowed.upperBound)"
        case .truncatedKey(let bytes, let needed):
            return "object key of \(bytes) bytes is cut short: its lengths ask for at least \(needed)"
        case .trailingKeyBytes(let bytes, let expected):
            return "object key of \(bytes) bytes goes on after its three parts, which end at \(expected)"
        case .memberID(let text):
            return "\"\(text)\" is no member id: must be 16 hexadecimal digits"
        }
    }
}
