public import Placement

/// Everything that can happen to a node. The driver hands events in one at a time.
public enum Event: Sendable {
    case request(RequestID, ClientRequest)
    case message(Message, from: MemberID)
    case storage(StorageCompletion)
    /// The node's own record, of this revision or a later one, is on stable storage.
    case persisted(revision: UInt64)
    /// Messages to this member can be expected to arrive, until `linkDown`.
    case linkUp(MemberID)
    /// Messages sent but not answered may or may not have arrived.
    case linkDown(MemberID)
    /// The driver could not take this message: its member is not linked, or takes in too little.
    case undelivered(Message, to: MemberID)
    /// ``StorageNode/nextDeadline`` has come.
    case tick
}
