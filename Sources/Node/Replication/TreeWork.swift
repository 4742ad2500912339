import Placement

/// What this node does about its trees, as one step of it is waited for.
enum TreeWork {
    case build(store: Int)
    /// Another holder asks.
    case inquiry(from: MemberID, Correlation)
    case comparison(TreeComparison)
    case exchange(TreeExchange)
    case repair(TreeRepair)

    var peer: MemberID? {
        switch self {
        case .build, .inquiry: nil
        case .comparison(let comparison): comparison.peer
        case .exchange(let exchange): exchange.peer
        case .repair(let repair): repair.peer
        }
    }

    func isRepair(of exchange: Correlation) -> Bool {
        if case .repair(let repair) = self { repair.exchange == exchange } else { false }
    }
}
