/// One fault, at its time.
enum Fault: Sendable {
    case partition(members: UInt64, announced: Bool, lasts: UInt64)
    case oneWay(from: Int, to: Int, announced: Bool, lasts: UInt64)
    case partial(Int, Int, announced: Bool, lasts: UInt64)
    case flap(Int, Int, times: Int)
    case powerFailure(Int, down: UInt64)
    case blackout(down: UInt64)
    case pause(Int, lasts: UInt64)
    case kill(Int, down: UInt64)
    case restart(Int, down: UInt64)
    case clockJump(Int, milliseconds: Int)
    case slowDisk(Int, lasts: UInt64)
    case slowNode(Int, milliseconds: Int, lasts: UInt64)
    case commitFailure(Int, store: Int)
    case fullDisk(Int, store: Int, lasts: UInt64)
    case syncFailure(Int, store: Int, down: UInt64)
    case damage(Int, store: Int, draw: UInt64)
    /// Copies the node's folder while it runs.
    case copy(Int)
    case oldCopy(Int, down: UInt64, draw: UInt64)
    case wipe(Int, down: UInt64)

    var kind: FaultKind? {
        switch self {
        case .partition: .partition
        case .oneWay: .oneWayPartition
        case .partial: .partialPartition
        case .flap: .flap
        case .powerFailure, .blackout: .powerFailure
        case .pause: .pause
        case .kill: .kill
        case .restart: .restart
        case .clockJump: .clockJump
        case .slowDisk: .slowDisk
        case .slowNode: .slowNode
        case .commitFailure: .commitFailure
        case .fullDisk: .fullDisk
        case .syncFailure: .syncFailure
        case .damage: .damage
        case .copy: nil
        case .oldCopy: .oldCopy
        case .wipe: .wipe
        }
    }
}

/// Which faults a run has, how often and how bad: a swarm, where each seed leaves out some kinds and mixes the others.
///
/// Each kind draws from a generator of its own: leaving out one kind, or single faults, leaves the others as they were.
struct FaultPlan: Sendable {
    struct Entry: Sendable {
        let time: UInt64
        let fault: Fault
    }

    var kinds: [FaultKind]
    /// Of a thousand messages.
    var lossPermille = 0
    var duplicationPermille = 0
    var delayPermille = 0
    /// Parts in 1024 that the nodes' timers run fast or slow, at most.
    var drift = 0
    var entries: [Entry] = []
    /// How many entries there were before some were left out.
    private(set) var drawn = 0

    /// - Parameters:
    ///   - wished: Kinds to use, all of them; nil: some, drawn.
    ///   - leftOut: Entries, by their number in this plan, that shall not happen.
    ///   - duration: Nanoseconds during which faults begin.
    init(
        wished: [FaultKind]?, leftOut: [Int] = [], nodes: Int, stores: Int, duration: UInt64,
        generator: inout SeededGenerator
    ) {
        let density = generator.within(15...60)
        let mix = FaultKind.allCases.filter { _ in generator.chance(density * 10) }
        kinds = wished ?? mix
        // A long run has as many faults a minute as a short one.
        let rounds = max(1, Int(duration / 40_000_000_000))
        for kind in FaultKind.allCases {
            var own = generator.forked()
            guard kinds.contains(kind) else { continue }
            switch kind {
            case .loss: lossPermille = own.pick([2, 10, 40, 150])
            case .duplication: duplicationPermille = own.pick([10, 50, 200])
            case .delay: delayPermille = own.pick([10, 50, 200])
            case .drift: drift = own.pick([2, 20, 100])
            default:
                for _ in 0..<own.within(1...Self.most(kind)) * rounds {
                    let time = UInt64(own.below(Int(duration)))
                    let fault = Self.fault(kind, nodes: nodes, stores: stores, &own)
                    entries.append(Entry(time: time, fault: fault))
                }
                guard kind == .oldCopy else { continue }
                for _ in 0..<3 * rounds {
                    entries.append(Entry(time: UInt64(own.below(Int(duration))), fault: .copy(own.below(nodes))))
                }
            }
        }
        drawn = entries.count
        entries = entries.enumerated().filter { !leftOut.contains($0.offset) }.map(\.element)
    }

    private static func most(_ kind: FaultKind) -> Int {
        switch kind {
        case .syncFailure: 1
        case .oldCopy, .fullDisk, .pause: 2
        case .wipe, .damage: 3
        case .powerFailure, .kill, .restart: 5
        default: 4
        }
    }

    private static func fault(
        _ kind: FaultKind, nodes: Int, stores: Int, _ generator: inout SeededGenerator
    ) -> Fault {
        let node = generator.below(nodes)
        let other = (node + 1 + generator.below(max(1, nodes - 1))) % nodes
        let store = generator.below(stores)
        let lasts = generator.milliseconds(50...6000)
        let down = generator.chance(500) ? generator.milliseconds(1...300) : generator.milliseconds(300...8000)
        let announced = generator.chance(500)
        switch kind {
        case .oneWayPartition: return .oneWay(from: node, to: other, announced: announced, lasts: lasts)
        case .partialPartition: return .partial(node, other, announced: announced, lasts: lasts)
        case .flap: return .flap(node, other, times: generator.pick([1, 1, 3, 12]))
        case .powerFailure: return generator.chance(200) ? .blackout(down: down) : .powerFailure(node, down: down)
        case .pause: return .pause(node, lasts: generator.pick([lasts, lasts * 5, lasts * 30]))
        case .kill: return .kill(node, down: down)
        case .restart: return .restart(node, down: down)
        case .clockJump: return .clockJump(node, milliseconds: generator.within(-90_000...90_000))
        case .slowDisk: return .slowDisk(node, lasts: lasts)
        case .slowNode: return .slowNode(node, milliseconds: generator.pick([20, 100, 400]), lasts: lasts)
        case .commitFailure: return .commitFailure(node, store: store)
        case .fullDisk: return .fullDisk(node, store: store, lasts: lasts)
        case .syncFailure: return .syncFailure(node, store: store, down: down)
        case .damage: return .damage(node, store: store, draw: generator.next())
        case .oldCopy: return .oldCopy(node, down: down, draw: generator.next())
        case .wipe: return .wipe(node, down: down)
        case .partition, .delay, .loss, .duplication, .drift:
            let members = UInt64(generator.within(1...max(1, (1 << nodes) - 2)))
            return .partition(members: members, announced: announced, lasts: lasts)
        }
    }
}
