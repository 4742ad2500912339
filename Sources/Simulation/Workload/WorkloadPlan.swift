/// What clients do in a run. The first six choose what they do it to, the others how they behave.
public enum WorkloadKind: String, CaseIterable, Sendable {
    /// Read, union of the siblings, one thing more, write back (Dynamo §4.4): nothing is ever taken out.
    case carts
    /// Read, merge the counts by client, count one more, write back.
    case counters
    /// Writes that have seen nothing, and become siblings.
    case blindWrites
    /// Deletes with and without a context, and writes of what was deleted.
    case deletes
    /// Anything, on a type whose last writer wins.
    case lastWriteWins
    /// Puts on condition that there is nothing, or that nothing has changed.
    case conditionalPuts
    /// All clients want the same few keys.
    case hotKeys
    /// Clients give up early and try again elsewhere, while the first try may still be under way.
    case impatience
    /// Clients come back with contexts of long ago.
    case staleContexts
    /// Clients move from node to node, without waiting for one to have what another told them.
    case wandering
    /// Clients do nothing for longer than a node's reservation of stamps lasts.
    case rests

    static let choices: [WorkloadKind] = [
        .carts, .counters, .blindWrites, .deletes, .lastWriteWins, .conditionalPuts,
    ]

    var usage: KeyUsage? {
        switch self {
        case .carts: .cart
        case .counters: .counter
        case .blindWrites: .blind
        case .deletes: .deletions
        case .lastWriteWins: .anything
        case .conditionalPuts: .conditional
        case .hotKeys, .impatience, .staleContexts, .wandering, .rests: nil
        }
    }
}

/// What clients do to a key.
enum KeyUsage {
    case cart
    case counter
    case blind
    case deletions
    case anything
    case conditional
    /// Written by the run itself at the end, to see that everything works again.
    case probe
}

/// A run's mix of workloads, each seed its own.
struct WorkloadPlan {
    let usages: [KeyUsage]
    /// Keys of each usage.
    let keysEach: Int
    let isHot: Bool
    /// Of a thousand operations.
    let stalePermille: Int
    let hastyPermille: Int
    let wanderPermille: Int
    let restPermille: Int

    /// - Parameters:
    ///   - wished: Kinds to use, all of them; nil: some, drawn.
    ///   - operations: About how many there will be: a long run spreads them over more keys.
    ///   - keysEach: Nil: as many as suit the operations.
    init(
        wished: [WorkloadKind]?, operations: Int, keysEach keys: Int? = nil, generator: inout SeededGenerator
    ) {
        let mix = WorkloadKind.allCases.filter { _ in generator.chance(600) }
        let kinds = wished ?? mix
        let usages = kinds.compactMap(\.usage)
        self.usages = usages.isEmpty ? WorkloadKind.choices.compactMap(\.usage) : usages
        let drawn = generator.within(1...2)
        keysEach = keys ?? max(drawn, operations / 100 / self.usages.count)
        isHot = kinds.contains(.hotKeys)
        stalePermille = kinds.contains(.staleContexts) ? generator.pick([100, 250, 500]) : 0
        hastyPermille = kinds.contains(.impatience) ? generator.pick([150, 400]) : 0
        wanderPermille = kinds.contains(.wandering) ? generator.pick([250, 800]) : 20
        restPermille = kinds.contains(.rests) ? generator.pick([50, 200]) : 0
    }
}
