import Node
import Storage

/// What can happen in a run. `process` numbers the life of a node between a start and its end: events of an ended life
/// find nobody.
enum SimulationEvent {
    case deliver(Message, from: Int, to: Int)
    /// A node learns that the link to another is down. `connection` as in ``VirtualNetwork``.
    case linkLost(at: Int, to: Int, connection: Int)
    case reconnect(Int, Int)
    case tick(Int, process: Int)
    case storageRead(Int, process: Int, StorageRequest)
    case hintScan(Int, process: Int, HintScan)
    case treeTask(Int, process: Int, TreeRequest)
    /// A page of records has been read for trees.
    case treePage(Int, process: Int, TreeRequest, TreePage)
    case storageDone(Int, process: Int, StorageCompletion)
    case storageGroup(Int, process: Int, store: Int)
    case storageGroupDone(Int, process: Int, store: Int, [StorageCompletion])
    case persisted(Int, process: Int)
    case start(Int)
    case fault(Fault)
    case faultEnds(Fault)
    /// A client's request reaches its node.
    case request(Int)
    /// A node's answer reaches the client.
    case answer(Int, ClientReply)
    case clientStep(Int)
    /// The client will wait no longer for an operation.
    case clientTimeout(Int)
    /// By now an operation must have been answered.
    case deadline(Int)
    /// The run reads a key itself, at R=N, or writes one.
    case audit(Int, node: Int)
    case probe(Int, node: Int)
    /// The run goes on to its next part.
    case phase
    /// The run looks whether the replicas are equal.
    case look

    /// The node whose work it is; nil for what happens to the cluster or to clients.
    var node: Int? {
        switch self {
        case .deliver(_, from: _, to: let node): node
        case .linkLost(at: let node, to: _, connection: _): node
        case .tick(let node, process: _), .persisted(let node, process: _): node
        case .storageRead(let node, process: _, _), .hintScan(let node, process: _, _),
            .treeTask(let node, process: _, _), .treePage(let node, process: _, _, _),
            .storageDone(let node, process: _, _):
            node
        case .storageGroup(let node, process: _, store: _): node
        case .storageGroupDone(let node, process: _, store: _, _): node
        case .reconnect, .start, .fault, .faultEnds, .request, .answer, .clientStep, .clientTimeout, .deadline, .audit,
            .probe, .phase, .look:
            nil
        }
    }
}
