import Node

/// Who can hear whom, and what becomes of a message on its way.
///
/// Messages survive the connection, and even the process, that sent them: the node has to stand what a real network
/// with reconnecting links rarely does.
struct VirtualNetwork {
    private let nodes: Int
    private let lossPermille: Int
    private let duplicationPermille: Int
    private let delayPermille: Int
    private var generator: SeededGenerator
    /// By from × to: how many faults stand between them.
    private var blocks: [Int]
    /// By pair: how often it was connected.
    private var connections: [Int]
    private var isReconnecting: [Bool]
    private(set) var sent = 0
    private(set) var lost = 0
    private(set) var repeated = 0
    private(set) var delayed = 0
    private(set) var isCalm = false

    init(nodes: Int, plan: FaultPlan, generator: SeededGenerator) {
        self.nodes = nodes
        lossPermille = plan.lossPermille
        duplicationPermille = plan.duplicationPermille
        delayPermille = plan.delayPermille
        self.generator = generator
        blocks = Array(repeating: 0, count: nodes * nodes)
        connections = blocks
        isReconnecting = Array(repeating: false, count: nodes * nodes)
    }

    /// When the copies of a message arrive, in nanoseconds from now; none where it is lost.
    mutating func delays(from: Int, to: Int) -> [UInt64] {
        sent += 1
        if isBlocked(from: from, to: to) || (!isCalm && generator.chance(lossPermille)) {
            lost += 1
            return []
        }
        var delays = [delay()]
        while !isCalm, delays.count < 4, generator.chance(duplicationPermille) {
            repeated += 1
            delays.append(generator.chance(300) ? generator.milliseconds(1...8000) : delay())
        }
        return delays
    }

    private mutating func delay() -> UInt64 {
        guard !isCalm, generator.chance(delayPermille) else { return generator.milliseconds(0...2) + 50_000 }
        delayed += 1
        return generator.milliseconds(2...3000)
    }

    func isBlocked(from: Int, to: Int) -> Bool { blocks[from * nodes + to] > 0 }

    mutating func block(from: Int, to: Int) { blocks[from * nodes + to] += 1 }

    mutating func unblock(from: Int, to: Int) {
        guard !isCalm else { return }
        blocks[from * nodes + to] -= 1
    }

    func connection(_ one: Int, _ other: Int) -> Int { connections[pair(one, other)] }

    mutating func connect(_ one: Int, _ other: Int) {
        connections[pair(one, other)] += 1
        isReconnecting[pair(one, other)] = false
    }

    /// False where an attempt is planned already.
    mutating func planReconnect(_ one: Int, _ other: Int) -> Bool {
        guard !isReconnecting[pair(one, other)] else { return false }
        isReconnecting[pair(one, other)] = true
        return true
    }

    mutating func endReconnect(_ one: Int, _ other: Int) {
        isReconnecting[pair(one, other)] = false
    }

    /// The faults are over.
    mutating func calm() {
        isCalm = true
        for index in blocks.indices { blocks[index] = 0 }
    }

    private func pair(_ one: Int, _ other: Int) -> Int { min(one, other) * nodes + max(one, other) }
}
