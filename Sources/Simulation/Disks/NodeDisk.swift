import NIOCore
import Node

/// A node's data folder: its record, the clean-stop marker, its engines' files.
struct NodeDisk {
    /// ``NodeRecord/encoded()``; nil before the first start.
    var record: ByteBuffer?
    var hasCleanStopMarker = false
    var engines: [EngineImage]

    /// An empty disk.
    init(stores: Int) {
        engines = Array(repeating: EngineImage(), count: stores)
    }
}
