/// Bytes that are no encoding of what was asked for.
public struct DecodingFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        /// The bytes end before the field does, or a count claims more than there are bytes for.
        case truncated
        /// A number in more bytes than it needs, or beyond its range: every value has one encoding only.
        case notCanonical
        /// Entries or siblings that do not ascend, or appear twice.
        case unordered
        /// A zero counter, a dot that the vector does not cover, an object without siblings, an unknown flag.
        case impossible
        /// Bytes after the end.
        case trailing
    }

    public var reason: Reason
    /// What was being read.
    public var field: String
    /// Bytes from where the decoding began to where the field begins.
    public var offset: Int

    package init(_ reason: Reason, field: StaticString, offset: Int) {
        self.reason = reason
        self.field = field.description
        self.offset = offset
    }

    public var description: String {
        let what =
            switch reason {
            case .truncated: "is cut short"
            case .notCanonical: "is not in its one encoding"
            case .unordered: "is out of order or there twice"
            case .impossible: "has a value that cannot be"
            case .trailing: "goes on after its end"
            }
        return "\(field) at byte \(offset) \(what)"
    }
}
