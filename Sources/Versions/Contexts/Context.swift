/// What a get hands to the client and the client's next put hands back (Dynamo §4.1, §4.3): what it had seen.
///
/// Clients see it sealed only (``sealed(with:boundTo:)``).
public struct Context: Hashable, Sendable {
    public var vector: VersionVector
    /// The greatest stamp among the versions seen.
    public var stamp: HybridTime
    /// The node that answered the get fastest: the one to coordinate the put (Dynamo §6.4).
    public var fastest: UInt64?

    public init(vector: VersionVector, stamp: HybridTime, fastest: UInt64? = nil) {
        self.vector = vector
        self.stamp = stamp
        self.fastest = fastest
    }
}

extension VersionedObject {
    /// The context of a get that returned this object: it covers every sibling (Dynamo §4.4).
    public func context(fastest: UInt64? = nil) -> Context {
        Context(vector: vector, stamp: newest.stamp, fastest: fastest)
    }
}
