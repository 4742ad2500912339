/// The contract of ``LocalPersistenceEngine`` as checks that anyone who writes an adapter can run.
///
/// Each check gets a fixture with an empty folder of its own, throws a ``ConformanceViolation`` that says what was
/// expected and what came, and closes what it opened.
public enum EngineConformance {
    public static let checks: [ConformanceCheck] =
        orderChecks + batchChecks + scanChecks + sizeChecks + lifeChecks + folderChecks + growthChecks
}

public struct ConformanceCheck: Sendable, CustomStringConvertible {
    /// The claim it checks.
    public let name: String
    /// True where the engine must keep its data on disk for the check to make sense.
    public let needsFiles: Bool
    let body: @Sendable (EngineFixture) throws -> Void

    init(_ name: String, needsFiles: Bool = false, body: @escaping @Sendable (EngineFixture) throws -> Void) {
        self.name = name
        self.needsFiles = needsFiles
        self.body = body
    }

    public var description: String { name }

    public func run(_ fixture: EngineFixture) throws {
        precondition(!needsFiles || fixture.isPersistent, "\(name): \(fixture.kind.rawValue) keeps nothing on disk")
        try body(fixture)
    }
}

/// How a check opens the engine under test.
public struct EngineFixture: Sendable {
    /// As the folder's file ENGINE names it.
    public let kind: EngineKind
    /// An empty folder for one check alone, removed by the caller afterwards.
    public let folder: String
    /// False for an engine that keeps nothing after its close.
    public let isPersistent: Bool
    private let options: EngineOptions
    private let opener: @Sendable (_ path: String, _ options: EngineOptions) throws -> any LocalPersistenceEngine

    /// `options` are those of every check but for a limit of size that one sets.
    public init(
        _ kind: EngineKind, folder: String, isPersistent: Bool, options: EngineOptions = EngineOptions(),
        open: @escaping @Sendable (_ path: String, _ options: EngineOptions) throws -> any LocalPersistenceEngine
    ) {
        self.kind = kind
        self.folder = folder
        self.isPersistent = isPersistent
        self.options = options
        self.opener = open
    }

    /// Where ``withEngine(_:)`` keeps its store.
    var storePath: String { folder + "/store" }

    /// Opens the store of the check, runs `body`, and closes it, also where `body` threw.
    func withEngine<Value>(
        maximumBytes: Int? = nil, _ body: (any LocalPersistenceEngine) throws -> Value
    ) throws -> Value {
        var options = options
        options.maximumBytes = maximumBytes
        let engine = try opener(storePath, options)
        let value: Value
        do {
            value = try body(engine)
        } catch {
            do { try engine.close() } catch let closing {
                throw ConformanceViolation("\(error); and then close failed: \(closing)")
            }
            throw error
        }
        try engine.close()
        return value
    }

    func open(_ path: String) throws -> any LocalPersistenceEngine {
        try opener(path, options)
    }
}

/// What an engine did against the contract.
public struct ConformanceViolation: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}

func expect(_ condition: Bool, _ violation: @autoclosure () -> String) throws {
    guard condition else { throw ConformanceViolation(violation()) }
}

/// Runs `body`, which must fail with an ``EngineError`` of one of `codes` that says what happened.
@discardableResult
func expectError(
    _ codes: [EngineError.Code], _ doing: String, _ body: () throws -> Void
) throws -> EngineError {
    do {
        try body()
    } catch let error as EngineError {
        try expect(codes.contains(error.code), "\(doing): error \(error.code) (\(error)), expected \(codes)")
        try expect(!error.operation.isEmpty && !error.detail.isEmpty, "\(doing): the error says nothing: \(error)")
        return error
    }
    throw ConformanceViolation("\(doing): no error, expected \(codes)")
}
