import Engines
import Node
import Storage

/// One life of a node: its state machine and its stores, from a start until it stops or dies.
final class NodeProcess {
    final class Store {
        let engine: any NodeEngine
        let objects: ObjectStore
        var waiting: [StorageRequest] = []
        /// The group that is being written.
        var group: [StorageRequest]?

        init(engine: any NodeEngine, objects: ObjectStore) {
            self.engine = engine
            self.objects = objects
        }
    }

    let number: Int
    var machine: StorageNode
    var effects = EffectQueue()
    let stores: [Store]
    /// Records on their way to the disk, one at a time.
    var persisting: [NodeRecord] = []
    /// True time of the tick that is planned.
    var tickAt: UInt64?
    /// A deadline that a planted bug has lost.
    var lostDeadline: Instant?
    /// Bit per node: links that the machine was told are up.
    var linked: UInt64 = 0

    init(number: Int, machine: consuming StorageNode, stores: [Store]) {
        self.number = number
        self.machine = machine
        self.stores = stores
    }
}

/// A node's place in the cluster: what outlives its processes.
struct VirtualMachine {
    struct Copy {
        let disk: NodeDisk
        /// By key: what the copy surely holds.
        let held: [(own: DotSet, hints: DotSet)]
    }

    var disk: NodeDisk
    var timepiece: VirtualTimepiece
    var process: NodeProcess?
    /// Storage takes long until then.
    var diskSlowUntil: UInt64 = 0
    /// Everything takes up to so many milliseconds more until then.
    var slowUntil: UInt64 = 0
    var slowness = 0
    /// It does nothing until then.
    var pausedUntil: UInt64 = 0
    /// Its folder is an old copy.
    var isRestored = false
    /// Earlier states of its data folder.
    var copies: [Copy] = []
}
