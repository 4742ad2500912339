/// What an engine could not do: what was asked, the C call that failed, and its code.
public struct EngineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The cases a caller can react to. New ones may come.
    public enum Code: Sendable, Equatable {
        /// Another process has the folder open.
        case locked
        /// The folder can't be made or written.
        case unwritable
        /// The folder holds something that is not this engine's, or of a newer format.
        case foreign
        /// The files are not what the engine wrote.
        case damaged
        /// No space, or the engine's own limit of size.
        case full
        /// A sync failed, or a library gave up: what the engine holds in memory and what is on disk may differ from now
        /// on. It refuses writes until it is opened again.
        case syncFailed
        /// A key or value beyond ``EngineLimits``.
        case tooLarge
        case closed
        /// Too much was changed since a scan began to keep its snapshot: begin again after the last key.
        case expired
        /// Anything else the C library reported.
        case failed
    }

    public var code: Code
    /// What was asked, as a phrase: `open /data/stores/default`.
    public var operation: String
    /// The C call, as in the library's manual: `mdb_env_open`. Empty where none was involved.
    public var call: String
    /// The C library's code; 0 where none was involved.
    public var number: Int
    /// What happened and what to do, one line.
    public var detail: String

    public init(_ code: Code, operation: String, call: String = "", number: Int = 0, detail: String) {
        self.code = code
        self.operation = operation
        self.call = call
        self.number = number
        self.detail = detail
    }

    public var description: String {
        call.isEmpty ? "\(operation): \(detail)" : "\(operation): \(detail) (\(call): \(number))"
    }
}
