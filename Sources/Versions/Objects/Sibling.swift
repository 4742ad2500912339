public import NIOCore

/// What a client stored. Both parts are opaque here; the client doors encode content type, links and the like into
/// `metadata`.
public struct Content: Hashable, Sendable {
    public var metadata: ByteBuffer
    public var value: ByteBuffer

    public init(metadata: ByteBuffer = ByteBuffer(), value: ByteBuffer = ByteBuffer()) {
        self.metadata = metadata
        self.value = value
    }
}

/// One version of an object: immutable, and named by its dot (Dynamo §4.4).
public struct Sibling: Hashable, Sendable {
    public var dot: Dot
    /// Greater than the stamp of every write that its writer had seen, or found where it was minted.
    public var stamp: HybridTime
    /// A delete is a version too; its content is empty but may carry metadata.
    public var isTombstone: Bool
    public var content: Content

    public init(dot: Dot, stamp: HybridTime, isTombstone: Bool, content: Content) {
        self.dot = dot
        self.stamp = stamp
        self.isTombstone = isTombstone
        self.content = content
    }

    /// The order by which last write wins: a total one, so that all replicas keep the same sibling.
    func isOlder(than other: Sibling) -> Bool {
        (stamp, dot) < (other.stamp, other.dot)
    }
}

/// What becomes of concurrent versions, by the bucket type (Dynamo §2: "last write wins" or the application decides).
public enum ConflictPolicy: Hashable, Sendable {
    case siblings
    case lastWriteWins
}
