/// What must hold of a replica's copy for a conditional put to be minted onto it.
///
/// A copy that is behind the others may hold less than the client has seen: that alone fails no condition.
public enum MintCondition: Hashable, Sendable {
    /// No object, or a deleted one.
    case absent
    /// Nothing that this vector does not cover.
    case unchanged(since: VersionVector)

    /// Why it does not hold of `stored`; nil where it does.
    public func failure(of stored: VersionedObject?) -> ConditionFailure? {
        guard let stored else { return nil }
        switch self {
        case .absent: return stored.isDeleted ? nil : .exists
        case .unchanged(let vector): return vector.descends(from: stored.vector) ? nil : .modified
        }
    }
}

/// Why a conditional put was not done.
public enum ConditionFailure: Error, Hashable, Sendable, CustomStringConvertible, CaseIterable {
    case exists
    case missing
    case modified

    public var description: String {
        switch self {
        case .exists: "match_found: the object exists; nothing was written"
        case .missing: "notfound: there is no object that could be unchanged; nothing was written"
        case .modified: "modified: the object has changed since the context was given; nothing was written"
        }
    }
}
