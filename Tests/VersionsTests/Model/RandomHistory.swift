import NIOCore

@testable import Versions

/// A random life of one key on several nodes: puts under fresh, stale and no contexts, delayed and repeated messages,
/// and, if asked for, the faults that tempt a node to use a dot twice. Beside every object it keeps what the object
/// has seen as a plain set of write numbers, from which the truth follows without any vector.
struct RandomHistory {
    /// Write numbers, one bit each.
    typealias Seen = UInt64

    struct Settings {
        var policy = ConflictPolicy.siblings
        var truncation: Truncation?
        var faults = false
        /// Go on counting from whatever the record says, as a node that knows no births would.
        var naiveActors = false
    }

    struct Write {
        var sibling: Sibling
        /// What the client had seen.
        var past: Seen
    }

    struct Node {
        var replica: Replica
        var seen: Seen = 0
        var backup: (record: VersionedObject?, mark: MintMark?, seen: Seen) = (nil, nil, 0)
    }

    let settings: Settings
    private(set) var writes: [Write] = []
    private(set) var nodes: [Node]
    /// Objects that were sent, any of which may arrive late or again.
    private(set) var messages: [(object: VersionedObject, seen: Seen)] = []
    private var contexts: [(context: Context, seen: Seen)] = []
    private(set) var truncatedEntries = 0
    private var random: SplitMix64

    init(seed: UInt64, settings: Settings = Settings()) {
        self.settings = settings
        random = SplitMix64(seed: seed)
        nodes = (0..<(2 + random.below(4))).map { Node(replica: Replica(node: UInt64($0 + 1))) }
        for index in nodes.indices { nodes[index].replica.wall += UInt64(random.below(20_000)) }
    }

    /// One step; the node it happened at.
    mutating func step() throws -> Int {
        let node = random.below(nodes.count)
        switch random.below(settings.faults ? 13 : 10) {
        case 0..<4: try put(at: node)
        case 4..<7: deliver(to: node)
        case 7..<9: get()
        case 9: driftClock(of: node)
        case 10: loseRecord(of: node)
        case 11: restoreBackup(of: node)
        default: try failCommit(at: node)
        }
        return node
    }

    /// Every node hears from every other until all have seen the same.
    mutating func converge() {
        for _ in 0..<2 {
            for (from, to) in nodes.indices.flatMap({ a in nodes.indices.map { (a, $0) } }) where from != to {
                guard let object = nodes[from].replica.record else { continue }
                nodes[to].replica.merge(object, policy: settings.policy)
                nodes[to].seen |= nodes[from].seen
            }
        }
    }

    /// The numbers of the versions that a replica must hold which has seen these writes, by definition: those that no
    /// other of them had in its past, or under last-write-wins the last.
    func truth(of seen: Seen) -> [Int] {
        let present = writes.indices.filter { seen & (1 << $0) != 0 }
        if settings.policy == .lastWriteWins {
            let last = present.max { writes[$0].sibling.isOlder(than: writes[$1].sibling) }
            return last.map { [$0] } ?? []
        }
        let superseded = present.reduce(into: Seen(0)) { $0 |= writes[$1].past }
        return present.filter { superseded & (1 << $0) == 0 }
    }

    static func numbers(of object: VersionedObject?) -> [Int] {
        (object?.siblings ?? []).compactMap { Int($0.value) }.sorted()
    }

    mutating func anyMessage() -> VersionedObject? {
        messages.randomElement(using: &random)?.object
    }

    private mutating func put(at node: Int) throws {
        guard writes.count < Seen.bitWidth else { return }
        let choice = random.chance(1, in: 4) ? nil : contexts.randomElement(using: &random)
        let before = nodes[node].replica.record
        let sibling: Sibling
        if settings.naiveActors {
            let minted = NaiveMint.minted(
                "\(writes.count)", onto: before, node: nodes[node].replica.source.node, context: choice?.context,
                now: HybridTime(milliseconds: nodes[node].replica.wall))
            nodes[node].replica.record = minted.object
            sibling = minted.sibling
        } else {
            let minted = try nodes[node].replica.put(
                "\(writes.count)", context: choice?.context, policy: settings.policy,
                truncation: settings.truncation)
            truncatedEntries += minted.truncatedEntries
            guard let new = minted.object.siblings.first(where: { $0.dot == minted.dot }) else {
                throw NewVersionMissing()
            }
            sibling = new
        }
        nodes[node].seen |= (choice?.seen ?? 0) | (1 << writes.count)
        writes.append(Write(sibling: sibling, past: choice?.seen ?? 0))
        send(from: node)
    }

    private mutating func send(from node: Int) {
        if let object = nodes[node].replica.record { messages.append((object, nodes[node].seen)) }
    }

    private mutating func deliver(to node: Int) {
        guard let message = messages.randomElement(using: &random) else { return }
        nodes[node].replica.merge(message.object, policy: settings.policy)
        nodes[node].seen |= message.seen
        if random.chance(1, in: 3) { send(from: node) }
    }

    /// A read of one to three replicas, whose context a client keeps for any time.
    private mutating func get() {
        var answer: VersionedObject?
        var seen: Seen = 0
        for _ in 0..<(1 + random.below(3)) {
            let node = nodes[random.below(nodes.count)]
            guard let record = node.replica.record else { continue }
            answer = answer?.merged(with: record, policy: settings.policy) ?? record
            seen |= node.seen
        }
        if let answer { contexts.append((answer.context(), seen)) }
    }

    private mutating func driftClock(of node: Int) {
        let drift = UInt64(random.below(5_000))
        let wall = nodes[node].replica.wall
        nodes[node].replica.wall = random.chance(1, in: 3) ? wall - drift : wall + drift
        let replica = nodes[node].replica
        nodes[node].backup = (replica.record, replica.mark, nodes[node].seen)
    }

    private mutating func loseRecord(of node: Int) {
        nodes[node].replica.loseRecord()
        nodes[node].seen = 0
    }

    private mutating func restoreBackup(of node: Int) {
        nodes[node].replica.record = nodes[node].backup.record
        nodes[node].replica.mark = nodes[node].backup.mark
        nodes[node].seen = nodes[node].backup.seen
        nodes[node].replica.startNewIncarnation()
    }

    /// The write was sent to the others before its commit failed here.
    private mutating func failCommit(at node: Int) throws {
        let before = nodes[node]
        try put(at: node)
        nodes[node].replica.record = before.replica.record
        nodes[node].replica.mark = before.replica.mark
        nodes[node].seen = before.seen
        nodes[node].replica.source.distrustBirths()
    }
}

struct NewVersionMissing: Error {}
