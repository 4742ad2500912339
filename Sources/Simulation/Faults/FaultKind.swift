/// What a run may do to the cluster: the fault model, one kind a case.
public enum FaultKind: String, CaseIterable, Sendable {
    /// A message in a few takes long, so that later ones overtake it.
    case delay
    case loss
    case duplication
    /// Two groups of nodes hear nothing of each other for a while; their links may or may not say so.
    case partition
    /// One node does not hear another, which hears it.
    case oneWayPartition
    /// Two nodes, or a few pairs, hear nothing of each other, while others hear both.
    case partialPartition
    /// A link goes down and comes back, with what was on it, up to a dozen times in a few seconds.
    case flap
    /// A machine stops, or all at once: of what was not synced, an arbitrary set of sectors is left, the last one torn.
    case powerFailure
    /// A node does nothing for up to three minutes, and then goes on as if nothing had been.
    case pause
    /// The process is killed: the page cache survives, a write under way may be cut anywhere.
    case kill
    /// The node is stopped in good order and started again.
    case restart
    /// Wall clocks and timers run faster or slower than true time.
    case drift
    /// A wall clock jumps, forth or back, by up to a minute and a half.
    case clockJump
    /// Disks take long for a while.
    case slowDisk
    /// A node is slow in all that it does for a while: what it hears, says and stores.
    case slowNode
    /// A commit fails, and leaves nothing.
    case commitFailure
    /// A disk is full for a while.
    case fullDisk
    /// A sync fails: the store ends, and the node is restarted some time later.
    case syncFailure
    /// A bit of what is stored flips: of an object's record, of one that the store needs to open, of the log, or of the
    /// node's own record. Where the node cannot start any more it starts anew, without data.
    case damage
    /// A node comes back with an older copy of its data folder, under its old name.
    case oldCopy
    /// A node comes back with an empty disk, under its old name; perhaps another one after it.
    case wipe
}
