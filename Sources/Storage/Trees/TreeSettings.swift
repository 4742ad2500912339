public import NIOCore
public import Node

/// What a store needs to know to keep trees.
public struct TreeSettings: Sendable, Equatable {
    public var shape: TreeShape
    public var partitions: Int
    /// By bucket type; of the others, and of those that have one replica only, there are no trees.
    public var replicas: [ByteBuffer: Int]

    public init(shape: TreeShape, partitions: Int, replicas: [ByteBuffer: Int]) {
        self.shape = shape
        self.partitions = partitions
        self.replicas = replicas.filter { $0.value > 1 }
    }
}
