/// What all nodes of a cluster share to seal contexts with. Nothing that prints it tells it.
public struct ClusterSecret: Sendable, Equatable {
    let text: String

    static let allowed = "16 to 256 bytes without control characters, the same on all nodes"

    /// Nil where `text` is not of ``allowed``.
    public init?(_ text: String) {
        guard (16...256).contains(text.utf8.count),
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f })
        else { return nil }
        self.text = text
    }
}

extension ClusterSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "(not shown)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
