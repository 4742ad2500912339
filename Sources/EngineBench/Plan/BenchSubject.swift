import CEngineLoops
public import Engines

/// What can be measured: an engine as Rotor uses it, or the plain C loop over the same library, which shows what of
/// that library's speed is left.
public enum BenchSubject: RawRepresentable, CaseIterable, Sendable, Hashable {
    case engine(EngineKind)
    case loop(CLoop)

    public enum CLoop: String, CaseIterable, Sendable {
        case lmdb = "lmdb-c"
        case bdb = "bdb-c"
        case sqlite = "sqlite-c"

        /// The engine over the same library.
        public var engine: EngineKind {
            switch self {
            case .lmdb: .lmdb
            case .bdb: .bdb
            case .sqlite: .sqlite
            }
        }

        var kind: engine_loop_kind {
            switch self {
            case .lmdb: ENGINE_LOOP_LMDB
            case .bdb: ENGINE_LOOP_BDB
            case .sqlite: ENGINE_LOOP_SQLITE
            }
        }
    }

    /// Every one, an engine before its C loop.
    public static let allCases: [BenchSubject] = EngineKind.allCases.flatMap { kind in
        [.engine(kind)] + CLoop.allCases.filter { $0.engine == kind }.map { .loop($0) }
    }

    /// As rows and options have it: `lmdb`, `lmdb-c`.
    public var rawValue: String {
        switch self {
        case .engine(let kind): kind.rawValue
        case .loop(let loop): loop.rawValue
        }
    }

    public init?(rawValue: String) {
        guard let found = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
        self = found
    }

    public var isLoop: Bool {
        if case .loop = self { true } else { false }
    }
}

/// What is done to a store.
public enum BenchWorkload: String, CaseIterable, Sendable {
    /// Every key once, into an empty store.
    case load
    /// New values for random keys.
    case put
    /// Random keys.
    case get
    /// Puts and gets, half and half, by the same threads.
    case mixed
    /// Ranges in order, each from a random key.
    case scan

    public var writes: Bool { self != .get && self != .scan }
}
