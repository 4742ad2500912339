/// What a run may do to the cluster. Docs: the fault model is in each case.
public enum FaultKind: String, CaseIterable, Sendable {
    /// A message in a few takes long, so that later ones overtake it.
    case delay
    case loss
    case duplication
    /// Two groups of nodes hear nothing of each other for a while; their links may or may not say so.
    case partition
    /// One node does not hear another, which hears it.
    case oneWayPartition
    /// A link goes down and comes back, with what was on it.
    case flap
    /// A machine stops, or all at once: what was not synced is gone, but for any prefix of it.
    case powerFailure
    /// A node does nothing for up to half a minute, and then goes on as if nothing had been.
    case pause
    /// The process is killed: the page cache survives.
    case kill
    /// The node is stopped in good order and started again.
    case restart
    /// Wall clocks and timers run faster or slower than true time.
    case drift
    /// A wall clock jumps, forth or back, by up to a minute and a half.
    case clockJump
    /// Disks take long for a while.
    case slowDisk
    /// A commit fails, and leaves nothing.
    case commitFailure
    /// A disk is full for a while.
    case fullDisk
    /// A sync fails: the store ends, and the node is restarted some time later.
    case syncFailure
    /// A bit of a stored record flips; if it is one that the store needs to open, the node starts anew, without data.
    case damage
    /// A node comes back with an older copy of its data folder, under its old name.
    case oldCopy
    /// A node comes back with an empty disk, under its old name.
    case wipe
}

/// A lie told between a node and its surroundings, to see whether the checkers notice.
enum Mischief: CaseIterable, Sendable {
    /// A replica's merge is answered and not done.
    case forgetMerge
    /// A mint is answered, then taken back.
    case forgetMint
    /// A durable write is answered before anything was synced.
    case answerBeforeSync
    /// A put ignores its context: what its client had reconciled comes back.
    case ignoreContext
    /// A put supersedes whatever is stored, seen or not.
    case coverUnseen
    /// A forwarded write arrives a second time under a new number.
    case mintTwice
    /// A crashed node starts as the incarnation that it was.
    case keepIncarnation
    /// Peers confirm whatever start they are told of, and an old copy of a folder looks like a clean stop.
    case confirmOldCopy
    /// A replica puts what it is sent in the place of what it has.
    case replaceByMerge
    /// Replicas store a value that nobody wrote.
    case alterValue
    /// Reads are answered with an older copy than the replica has.
    case readOldCopy
    /// A read of a record that is there ends as "not found".
    case readNothing
    /// A request is never answered.
    case loseAnswer
}
