/// The key space cut into Q equal ranges (Dynamo §6.2, strategy 3). Q is fixed when the cluster is founded.
public struct Partitioning: Hashable, Sendable {
    public static let allowedCounts = 1...65_536

    /// Q.
    public let count: Int
    private let shift: UInt64

    /// - Throws: ``PlacementError/partitionCount(_:)`` if the count is no power of two in ``allowedCounts``.
    public init(count: Int) throws(PlacementError) {
        guard Self.allowedCounts.contains(count), count & (count - 1) == 0 else { throw .partitionCount(count) }
        self.count = count
        self.shift = UInt64(64 - count.trailingZeroBitCount)
    }

    /// From 0 up to ``count``: the top bits of the hash.
    public func partition(of hash: KeyHash) -> Int { Int(hash.high >> shift) }

    public func partition(of key: ObjectKey) -> Int { partition(of: key.hash128) }
}
