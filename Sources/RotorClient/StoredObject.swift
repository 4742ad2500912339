public import NIOCore
import RiakWire

/// What a read saw of an object, sealed by the cluster. A write that brings it supersedes just that (Dynamo §4.4).
public struct ObjectContext: Hashable, Sendable, CustomStringConvertible {
    /// Base64, as `X-Riak-Vclock` carries it.
    public let text: String

    /// Nil if that is no base64. Whether a cluster made it, only the cluster can tell.
    public init?(_ text: String) {
        guard !text.isEmpty, Base64.decoded(text) != nil else { return nil }
        self.text = text
    }

    public var description: String { text }
}

/// One of the versions of an object.
public struct StoredVersion: Hashable, Sendable {
    public var value: ByteBuffer
    /// With its charset, if it has one.
    public var contentType: String
    /// Names this version among its siblings.
    public var tag: String
    /// When it was written, to the second: `Sun, 06 Nov 1994 08:49:37 GMT`.
    public var lastModified: String
    /// A deletion that another write did not know of.
    public var isDeletion: Bool

    public init(value: ByteBuffer, contentType: String, tag: String, lastModified: String, isDeletion: Bool) {
        self.value = value
        self.contentType = contentType
        self.tag = tag
        self.lastModified = lastModified
        self.isDeletion = isDeletion
    }
}

/// All versions of an object that no other one supersedes. Several are siblings: concurrent writes, which whoever
/// understands the data reconciles, and writes back with ``context``.
public struct StoredObject: Sendable {
    /// Empty if there is no such object.
    public var versions: [StoredVersion]
    /// Covers all versions, and those deleted since. Nil if nothing is known of the object.
    public var context: ObjectContext?
    /// The node that answered.
    public var endpoint: Endpoint

    public init(versions: [StoredVersion], context: ObjectContext?, endpoint: Endpoint) {
        self.versions = versions
        self.context = context
        self.endpoint = endpoint
    }

    public var isFound: Bool { !versions.isEmpty }
}

extension StoredVersion {
    init(_ answer: Answer) {
        value = answer.body
        contentType = answer.header("content-type") ?? "application/octet-stream"
        tag = Self.unquoted(answer.header("etag") ?? "")
        lastModified = answer.header("last-modified") ?? ""
        isDeletion = answer.header("x-riak-deleted") == "true"
    }

    init(_ part: MultipartMixed.Part) {
        value = part.body
        contentType = part.header("content-type") ?? "application/octet-stream"
        tag = Self.unquoted(part.header("etag") ?? "")
        lastModified = part.header("last-modified") ?? ""
        isDeletion = part.header("x-riak-deleted") == "true"
    }

    private static func unquoted(_ tag: String) -> String {
        tag.count >= 2 && tag.first == "\"" && tag.last == "\"" ? String(tag.dropFirst().dropLast()) : tag
    }
}
