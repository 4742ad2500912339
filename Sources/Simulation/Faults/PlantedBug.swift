/// A bug put into the cluster on purpose, to see whether the checkers find it.
///
/// It is planted between a node and its surroundings: to the world the node does just what one with that bug would do,
/// and the product has none of it.
enum PlantedBug: String, CaseIterable, Sendable {
    /// A durable write is answered before anything was synced.
    case answerBeforeSync
    /// A crashed node starts as the incarnation that it was, and reuses dots that its disk has lost.
    case dotReusedAfterCrash
    /// A store mints and says that it could not: the next holder mints the put again.
    case mintedTwice
    /// A put's context counts as covering whatever is stored, seen or not.
    case staleContextCovers
    /// Read repair puts an older version in the place of what a replica has.
    case repairWritesOlder
    /// A copy that cannot be read counts as "not found".
    case notFoundFromIncomplete
    /// A timer is set and never goes off.
    case lostDeadline
    /// A repeated message is taken for a new write.
    case duplicateApplied
    /// Peers confirm whatever start they are told of, and an old copy of a folder looks like a clean stop.
    case backupKeepsIncarnation
    /// A replica says that it stored what it was sent, and has not.
    case countedWithoutWrite

    /// A peer that has lost its memory confirms a start that it cannot know to be the latest.
    case forgetfulConfirms
    /// A peer confirms a start that follows another life of the node than the one that it knows.
    case otherLifeConfirmed
    /// A peer that comes back after a crash, or on an old copy taken while it ran, confirms by what it remembers.
    case crashedConfirms
    /// A node that waits for its own confirmation confirms others.
    case waitingConfirms
    /// A start that its peers have not confirmed is continued by the next one, if it was stopped in good order.
    case unconfirmedContinues

    /// A stand-in deletes a hint as soon as it has sent it.
    case hintDroppedEarly
    /// What a stand-in stores counts as stored by the holder.
    case standInForPW

    /// A merge changes a record and not its leaf in the tree.
    case leafNotUpdated

    /// A mint is answered, then taken back.
    case mintForgotten
    /// A put ignores its context: what its client had reconciled comes back.
    case contextIgnored
    /// A coordinator looks at what R replicas have, and mints a conditional put whatever its own copy holds by then.
    case conditionIgnored
    /// A node that was idle stamps a write with the time of its last reservation.
    case stampBehind
    /// A replica puts what it is sent in the place of what it has.
    case mergeReplaces
    /// Replicas store a value that nobody wrote.
    case valueAltered
    /// Reads are answered with an older copy than the replica has.
    case oldCopyRead
    /// A read of a record that is there ends as "not found".
    case readNothing
    /// A request is never answered.
    case answerLost
}
