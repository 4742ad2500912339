/// Targets whose code is a function of its inputs: the same events, times and random numbers give the same effects.
enum PureTargets {
    /// The state machines and what they are made of.
    static let machines: Set = ["Versions", "Placement", "Node"]
    /// All that runs inside a simulation; a seed must replay it byte for byte.
    static let replayed: Set = ["Versions", "Placement", "Node", "Storage", "Simulation"]
    /// Those of them that run in one thread and know of no other.
    static let singleThreaded: Set = ["Versions", "Placement", "Node", "Simulation"]
}

/// Words that must not stand in some targets, each with what to write instead.
struct BannedWordRule: HouseRule {
    let name: String
    let targets: Set<String>
    let words: Set<String>
    let instead: String

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.flatMap { file -> [Finding] in
            guard let target = file.target, targets.contains(target) else { return [] }
            return file.tokens.filter { $0.kind == .identifier && words.contains($0.text) }.map {
                finding(file, $0.line, "`\($0.text)` in \(target): \(instead)")
            }
        }
    }

    static let concurrency = BannedWordRule(
        name: "no-concurrency",
        targets: PureTargets.singleThreaded,
        words: [
            "async", "await", "Task", "TaskGroup", "ThrowingTaskGroup", "withTaskGroup", "withThrowingTaskGroup",
            "withDiscardingTaskGroup", "AsyncStream", "AsyncThrowingStream", "MainActor", "Thread", "DispatchQueue",
            "DispatchSemaphore", "pthread_create", "Mutex", "Atomic", "withCheckedContinuation",
        ],
        instead: "it runs in its driver's thread; take an event in and send an effect out")

    static let clock = BannedWordRule(
        name: "no-clock",
        targets: PureTargets.replayed,
        words: [
            "Clock", "ContinuousClock", "SuspendingClock", "UTCClock", "Date", "DispatchTime", "DispatchWallTime",
            "NIODeadline", "clock_gettime", "clock_gettime_nsec_np", "gettimeofday", "timespec_get", "ProcessInfo",
            "nanosleep", "usleep", "sleep",
        ],
        instead: "time is handed in as a parameter (`at now:`), waiting is a timer effect")

    static let randomSource = BannedWordRule(
        name: "no-system-randomness",
        targets: PureTargets.replayed,
        words: [
            "SystemRandomNumberGenerator", "arc4random", "arc4random_uniform", "arc4random_buf", "getrandom",
            "getentropy", "drand48", "rand_r", "srand", "UUID",
        ],
        instead: "draw from the generator that is handed in")

    static let processDependent = BannedWordRule(
        name: "no-process-dependent-value",
        targets: PureTargets.replayed,
        words: ["hashValue", "ObjectIdentifier"],
        instead: "it differs from process to process; compare or number the things themselves")

    static let nio = BannedWordRule(
        name: "no-nio-beyond-bytebuffer",
        targets: PureTargets.machines,
        words: [
            "EventLoop", "EventLoopGroup", "EventLoopFuture", "EventLoopPromise", "MultiThreadedEventLoopGroup",
            "Channel", "ChannelHandler", "ChannelHandlerContext", "ChannelPipeline", "TimeAmount", "SocketAddress",
            "CircularBuffer", "MarkedCircularBuffer", "IOData", "FileRegion", "RepeatedTask", "Scheduled",
        ],
        instead: "of NIO only `ByteBuffer` is known here; sockets, loops and their time belong to Server")
}

/// Any other identifier that bears NIO's prefix.
struct NIOPrefixRule: HouseRule {
    let name = "no-nio-beyond-bytebuffer"

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.flatMap { file -> [Finding] in
            guard let target = file.target, PureTargets.machines.contains(target) else { return [] }
            return file.tokens.indices.compactMap { index in
                let token = file.tokens[index]
                guard token.kind == .identifier, token.text.hasPrefix("NIO"), token.text != "NIOCore" else {
                    return nil
                }
                return finding(
                    file, token.line, "`\(token.text)` in \(target): of NIO only `ByteBuffer` is known here")
            }
        }
    }
}

/// `random`, `shuffled` and their like, unless the call names the generator it draws from.
struct SystemRandomCallRule: HouseRule {
    let name = "no-system-randomness"

    private static let calls: Set = ["random", "shuffled", "shuffle", "randomElement"]

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.flatMap { file -> [Finding] in
            guard let target = file.target, PureTargets.replayed.contains(target) else { return [] }
            let tokens = file.tokens
            return tokens.indices.compactMap { index in
                guard Self.calls.contains(tokens[index].text), tokens.text(index - 1) == ".",
                    tokens.text(index + 1) == "("
                else { return nil }
                let arguments = tokens[index...tokens.closing(index + 1)]
                guard !arguments.contains(where: { $0.text == "using" }) else { return nil }
                return finding(
                    file, tokens[index].line,
                    "`.\(tokens[index].text)(` in \(target) draws from the system: name the generator that is handed in"
                        + " (`using: &generator`)")
            }
        }
    }
}

/// An actor has its own executor; the word alone is Rotor's name for the writer of a version.
struct ActorDeclarationRule: HouseRule {
    let name = "no-concurrency"

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.flatMap { file -> [Finding] in
            guard let target = file.target, PureTargets.singleThreaded.contains(target) else { return [] }
            let tokens = file.tokens
            return tokens.indices.compactMap { index in
                guard tokens[index].text == "actor", tokens.text(index - 1) != ".",
                    tokens.text(index + 1).first?.isUppercase == true,
                    ["{", ":", "<"].contains(tokens.text(index + 2))
                else { return nil }
                return finding(
                    file, tokens[index].line,
                    "`actor \(tokens.text(index + 1))` in \(target): make it a struct with mutating functions"
                )
            }
        }
    }
}

/// What each target of the core may import.
struct ImportRule: HouseRule {
    let name = "imports"

    /// Targets that may import these and nothing else.
    private static let allowed: [String: Set<String>] = [
        "Versions": ["NIOCore"],
        "Placement": ["NIOCore"],
        "Node": ["NIOCore", "Versions", "Placement"],
    ]
    /// Below Server and beside the machines: no Foundation (it makes a binary 70 MB larger and brings clocks and
    /// threads), of NIO the byte container and its lock.
    private static let withoutFoundation: Set = ["Engines", "Storage"]
    private static let allowedNIO: Set = ["NIOCore", "NIOConcurrencyHelpers"]

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.flatMap { file -> [Finding] in
            guard let target = file.target else { return [] }
            return Self.imports(in: file.tokens).compactMap { module, line in
                if let allowed = Self.allowed[target] {
                    guard !allowed.contains(module) else { return nil }
                    return finding(
                        file, line,
                        "\(target) imports \(module); it may import \(allowed.sorted().joined(separator: ", ")) only")
                }
                guard Self.withoutFoundation.contains(target) else { return nil }
                if module.hasPrefix("Foundation") {
                    return finding(file, line, "\(target) imports \(module): use the standard library and Glibc")
                }
                if module.hasPrefix("NIO"), !Self.allowedNIO.contains(module) {
                    let allowed = Self.allowedNIO.sorted().joined(separator: " and ")
                    return finding(
                        file, line, "\(target) imports \(module): of NIO only \(allowed) below Server"
                    )
                }
                return nil
            }
        }
    }

    private static let importableKinds: Set = [
        "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
    ]

    private static func imports(in tokens: [SwiftToken]) -> [(module: String, line: Int)] {
        tokens.indices.compactMap { index in
            guard tokens[index].text == "import", tokens[index].kind == .identifier else { return nil }
            let module = importableKinds.contains(tokens.text(index + 1)) ? index + 2 : index + 1
            return (tokens.text(module), tokens[index].line)
        }
    }
}
