import Node

/// What a client asked for, as figures and the slow-request log name it.
enum RequestVerb: Int, Sendable, CaseIterable {
    case get
    case put
    case delete

    var label: String {
        switch self {
        case .get: "get"
        case .put: "put"
        case .delete: "delete"
        }
    }

    init(_ request: ClientRequest) {
        switch request {
        case .get: self = .get
        case .put: self = .put
        case .delete: self = .delete
        }
    }

    /// How it can end.
    var outcomes: [RequestOutcome] {
        switch self {
        case .get: [.found, .notFound, .refused, .unavailable]
        case .put: [.stored, .refused, .unavailable, .outcomeUnknown]
        case .delete: [.deleted, .notFound, .refused, .unavailable, .outcomeUnknown]
        }
    }
}

/// How a request ended, from where its client stands.
enum RequestOutcome: Int, Sendable, CaseIterable {
    case found
    case notFound
    case stored
    case deleted
    case refused
    case unavailable
    case outcomeUnknown

    static let count = allCases.count

    var label: String {
        switch self {
        case .found: "found"
        case .notFound: "not_found"
        case .stored: "stored"
        case .deleted: "deleted"
        case .refused: "refused"
        case .unavailable: "unavailable"
        case .outcomeUnknown: "outcome_unknown"
        }
    }

    init(_ reply: ClientReply, to verb: RequestVerb) {
        switch reply {
        case .found: self = .found
        case .notFound: self = .notFound
        case .stored: self = .stored
        case .deleted: self = .deleted
        case .failed(let failure):
            switch failure.consequence {
            case .refused: self = .refused
            case .unavailable: self = .unavailable
            // A read that fails has no outcome that could be unknown.
            case .outcomeUnknown: self = verb == .get ? .unavailable : .outcomeUnknown
            }
        }
    }
}

/// Why a request failed, in one word: of the many texts of a ``RequestFailure`` none is a label.
enum FailureReason: String, Sendable, CaseIterable {
    case badName = "bad_name"
    case clockAhead = "clock_ahead"
    case clockBehind = "clock_behind"
    case conditionFailed = "condition_failed"
    case contextRefused = "context_refused"
    case coordinatorLost = "coordinator_lost"
    case coordinatorUnreachable = "coordinator_unreachable"
    case notEnoughReplies = "not_enough_replies"
    case notReady = "not_ready"
    case objectTooLarge = "object_too_large"
    case overloaded
    case quorumAboveN = "quorum_above_n"
    case storeDamaged = "store_damaged"
    case storeEnded = "store_ended"
    case storeFailed = "store_failed"
    case storeFull = "store_full"
    case storeOverloaded = "store_overloaded"
    case timedOut = "timed_out"
    case tooFewReachable = "too_few_reachable"
    case tooManySiblings = "too_many_siblings"
    case unknownBucketType = "unknown_bucket_type"

    init(_ failure: RequestFailure) {
        self =
            switch failure {
            case .unknownBucketType: .unknownBucketType
            case .badName: .badName
            case .objectTooLarge: .objectTooLarge
            case .quorumAboveN: .quorumAboveN
            case .contextRefused: .contextRefused
            case .tooFewReachable: .tooFewReachable
            case .notEnoughReplies: .notEnoughReplies
            case .timedOut: .timedOut
            case .coordinatorLost: .coordinatorLost
            case .storage(let failure): Self(failure)
            case .coordinatorUnreachable: .coordinatorUnreachable
            case .clockAhead: .clockAhead
            case .clockBehind: .clockBehind
            case .conditionFailed: .conditionFailed
            case .notReady: .notReady
            case .overloaded: .overloaded
            }
    }

    private init(_ failure: StorageFailure) {
        self =
            switch failure {
            case .damaged: .storeDamaged
            case .full, .hintsFull: .storeFull
            case .ended: .storeEnded
            case .failed: .storeFailed
            case .tooLarge: .objectTooLarge
            case .tooManySiblings: .tooManySiblings
            case .conditionFailed: .conditionFailed
            case .overloaded: .storeOverloaded
            }
    }
}

extension RequestFailure {
    /// The number that the request fell short of, where that is why it failed.
    var shortfall: (kind: QuorumKind, needed: Int, got: Int)? {
        switch self {
        case .tooFewReachable(let kind, let needed, let reachable): (kind, needed, reachable)
        case .notEnoughReplies(let kind, let needed, let got), .timedOut(let kind, let needed, let got, _):
            (kind, needed, got)
        default: nil
        }
    }
}
