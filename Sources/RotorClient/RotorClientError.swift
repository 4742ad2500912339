/// Why a request was not done, by what its sender can do about it. The text is one line: the node's own words where
/// it spoke. Not finding an object is no error.
public enum RotorClientError: Error, Hashable, Sendable {
    /// The request itself is at fault: nothing was done, and the same request fails again.
    case refused(String)
    /// No node could do it. Nothing was written, and the same request may succeed later.
    case unavailable(String)
    /// A write may or may not have happened, and may show up later. It was not sent twice.
    case outcomeUnknown(String)
}

extension RotorClientError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .refused(let line): "refused: \(line)"
        case .unavailable(let line): "unavailable: \(line)"
        case .outcomeUnknown(let line): "the write may have happened or not: \(line)"
        }
    }
}
