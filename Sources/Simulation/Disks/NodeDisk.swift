import NIOCore
import Node
import Storage

/// A node's data folder while no process has it open: its own files and its stores.
struct NodeDisk {
    var files = VirtualDisk()
    var stores: [StoreImage]

    /// An empty disk.
    init(stores: Int) {
        self.stores = Array(repeating: .empty, count: stores)
    }

    static let recordName = "node/record"

    static func record(_ files: VirtualFiles) -> ReplacedFile<VirtualFiles> {
        ReplacedFile(path: recordName, files: files)
    }

    static func marker(_ files: VirtualFiles) -> StopMarker<VirtualFiles> {
        StopMarker(file: ReplacedFile(path: "node/clean-stop", files: files))
    }
}
