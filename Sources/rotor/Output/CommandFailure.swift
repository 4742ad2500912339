import RotorClient

/// What the program's end says to a script.
enum ExitStatus: Int32, Sendable {
    case done = 0
    case notFound = 1
    /// The request, the configuration or the context is wrong, or a node cannot start with what there is.
    case refused = 2
    /// Nothing was written.
    case unavailable = 3
    /// A write may or may not have happened.
    case outcomeUnknown = 4
    /// The command line is wrong (`EX_USAGE`).
    case usage = 64
    /// A store's files are not what its engine wrote; only `rotor store verify` says so.
    case damagedStore = 65
    /// An error that nobody foresaw (`EX_SOFTWARE`).
    case unforeseen = 70
    /// A value could not be read from its file, or not be written to standard output (`EX_IOERR`).
    case inputOutput = 74

    /// A simulated cluster did not keep what Rotor promises.
    static let promiseBroken = ExitStatus.notFound
    /// A record of a store is not what was written.
    static let damageFound = ExitStatus.notFound
}

/// Ends the program with a message on standard error. An empty message says nothing.
struct CommandFailure: Error, Equatable {
    var status: ExitStatus
    var message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    init(_ error: RotorClientError) {
        switch error {
        case .refused(let line): (status, message) = (.refused, line)
        case .unavailable: (status, message) = (.unavailable, error.description)
        case .outcomeUnknown: (status, message) = (.outcomeUnknown, error.description)
        }
    }
}
