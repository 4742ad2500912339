public import NIOCore
public import Node

/// What a store needs to know to keep trees.
public struct TreeSettings: Sendable, Equatable {
    public var shape: TreeShape
    public var partitions: Int
    /// By bucket type; of the others, and of those that have one replica only, there are no trees.
    public var replicas: [ByteBuffer: Int]

    /// Whether a peer may ask so much at once.
    func allows(_ nodes: [UInt32], at level: Int) -> Bool {
        (0...shape.levels).contains(level) && nodes.count <= shape.count(at: level)
            && nodes.allSatisfy { Int($0) < shape.count(at: level) }
    }

    public init(shape: TreeShape, partitions: Int, replicas: [ByteBuffer: Int]) {
        self.shape = shape
        self.partitions = partitions
        self.replicas = replicas.filter { $0.value > 1 }
    }
}
