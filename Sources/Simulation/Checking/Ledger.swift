import NIOCore
import Node
import Placement
import Versions

/// Watches a run from outside the nodes and holds it against the truths. It sees what clients asked and were told, the
/// mints at the door of each store, and what the disks hold; never a node's inside.
struct Ledger {
    let layout: ClusterLayout
    var keys: [KeyLedger]
    var operations: [Operation] = []
    private(set) var violation: Violation?
    /// Gets that were shown one version, two, three, and four or more (Dynamo §6.3).
    var versionsSeen = [0, 0, 0, 0]
    /// Acknowledged writes that nothing holds any more, each replica of them having lost what it held.
    private(set) var permittedLosses = 0
    var acknowledged = 0
    /// By key: what clients asked for, and the deletes among it.
    private var requests: [[Int]]
    private var deletes: [[Int]]
    /// By node and store: keys written since the last sync.
    private var unsynced: [[Int]]

    init(layout: ClusterLayout) {
        self.layout = layout
        requests = layout.keys.map { _ in [] }
        deletes = requests
        unsynced = Array(repeating: [], count: layout.members.count * ClusterLayout.stores.count)
        keys = layout.keys.map {
            KeyLedger(layout: $0, policy: layout.types[$0.type].policy, nodes: layout.members.count)
        }
    }

    mutating func check(_ key: Int, at time: UInt64, _ body: (inout Ledger) throws(KeyLedger.Objection) -> Void) {
        guard violation == nil else { return }
        do throws(KeyLedger.Objection) {
            try body(&self)
        } catch {
            object(error.truth, error.detail, key: key, at: time)
        }
    }

    mutating func object(_ truth: Violation.Truth, _ detail: String, key: Int?, at time: UInt64) {
        guard violation == nil else { return }
        violation = Violation(
            truth: truth, key: key.map { "\(layout.keys[$0].key)" }, detail: detail, milliseconds: time / 1_000_000,
            history: key.map { history(of: $0) } ?? [])
    }

    // MARK: Clients

    mutating func onInvoked(_ operation: Operation) {
        var operation = operation
        let key = keys[operation.key]
        if operation.reads {
            operation.heldAtStart = key.held
            operation.lossesAtStart = key.losses
            operation.damageAtStart = key.damage
        }
        requests[operation.key].append(operation.number)
        if operation.kind == .delete { deletes[operation.key].append(operation.number) }
        operations.append(operation)
    }

    mutating func onTaken(_ number: Int, process: Int) {
        operations[number].process = process
    }

    /// The client could not even hand it in.
    mutating func onNotSent(_ number: Int) {
        operations[number].outcome = .refused("no connection")
    }

    /// By now the operation must have been answered; `isRunning`: the process that took it lives.
    mutating func onDeadline(_ number: Int, isRunning: Bool, at time: UInt64) {
        guard operations[number].outcome == .open else { return }
        if isRunning {
            let limit = operations[number].timeoutMilliseconds
            object(
                .answeredInTime, "#\(number) had \(limit) ms and was not answered", key: operations[number].key,
                at: time)
        }
        operations[number].outcome = .unknown("no answer")
    }

    // MARK: Stores

    /// A store has minted a version: `mint` as the node asked for it, before anybody could change it.
    mutating func onMinted(_ mint: Mint, _ object: VersionedObject, key: Int, place: Int, at time: UInt64) {
        check(key, at: time) { ledger throws(KeyLedger.Objection) in
            let newest = object.newest
            guard newest.content.value == mint.content.value, newest.isTombstone == mint.isTombstone else {
                throw KeyLedger.Objection(
                    truth: .order, detail: "the version just minted is not the newest under \(object.vector)")
            }
            let past: DotSet =
                try mint.context.map { context throws(KeyLedger.Objection) in
                    try ledger.keys[key].dots(of: context.vector)
                } ?? DotSet()
            var number: Int?
            if mint.isTombstone {
                try ledger.checkAsked(deleteOver: past, key: key)
            } else {
                number = try ledger.operation(asking: mint, past: past, key: key)
            }
            let entry = KeyLedger.Mint(
                dot: newest.dot, stamp: newest.stamp, value: newest.content.value, isTombstone: newest.isTombstone,
                operation: number, past: past, minted: time)
            let index = try ledger.keys[key].add(entry)
            if let number {
                ledger.operations[number].mint = index
                try ledger.checkCondition(of: ledger.operations[number], heldThere: ledger.keys[key].held[place])
            }
            try ledger.checkDeletes(of: key)
            _ = try ledger.keys[key].examine(object)
        }
    }

    /// The operation that a put's mint is for: the put carries its number.
    private func operation(asking mint: Mint, past: DotSet, key: Int) throws(KeyLedger.Objection) -> Int {
        guard let number = ApplicationValue.write(mint.content.value),
            operations.indices.contains(number), operations[number].key == key, operations[number].kind == .put,
            ApplicationValue.encode(operations[number].value) == mint.content.value
        else {
            throw KeyLedger.Objection(
                truth: .noWriteInvented, detail: "\(ApplicationValue.decode(mint.content.value)) was put by nobody")
        }
        let operation = operations[number]
        if let earlier = operation.mint {
            throw KeyLedger.Objection(
                truth: .noWriteTwice, detail: "#\(number) is minted again, after \(keys[key].mints[earlier].dot)")
        }
        if case .refused(let why) = operation.outcome {
            throw KeyLedger.Objection(
                truth: .refusedNotDone, detail: "#\(number) is minted, but was refused: \(why)")
        }
        let seen = operation.context == nil ? DotSet() : operation.seen
        guard seen.equals(past) else {
            throw KeyLedger.Objection(
                truth: .contextExact,
                detail: "#\(number) had seen \(keys[key].names(seen)), it is minted over \(keys[key].names(past))")
        }
        return number
    }

    /// A delete minted over `past` must be one that somebody asked for.
    private func checkAsked(deleteOver past: DotSet, key: Int) throws(KeyLedger.Objection) {
        let missing = keys[key].past(of: past).subtracting(past)
        guard missing.isEmpty else {
            throw KeyLedger.Objection(
                truth: .contextExact,
                detail: "a delete covers \(keys[key].names(past)), but not \(keys[key].names(missing))")
        }
        let isAsked = pendingDeletes(of: key).contains { number in
            operations[number].context == nil || operations[number].seen.equals(past)
        }
        guard isAsked, !past.isEmpty else {
            throw KeyLedger.Objection(
                truth: .noWriteInvented, detail: "nobody asked to delete \(keys[key].names(past))")
        }
    }

    /// Deletes that may be minted yet, or may have been without their client knowing.
    private func pendingDeletes(of key: Int) -> [Int] {
        deletes[key].filter { number in
            switch operations[number].outcome {
            case .open, .unknown: true
            case .found, .notFound, .done, .refused: false
            }
        }
    }

    /// No more deletes may have been minted than were asked for.
    func checkDeletes(of key: Int) throws(KeyLedger.Objection) {
        let asked = pendingDeletes(of: key).count
        let minted = keys[key].unclaimedDeletes
        guard minted <= asked else {
            throw KeyLedger.Objection(
                truth: .noWriteTwice,
                detail: "\(minted) deletes were minted that were not acknowledged, \(asked) were asked for")
        }
    }

    /// Where a node keeps what is in one of its stores: a place of ``KeyLedger``.
    func place(_ node: Int, store: Int) -> Int { store == ClusterLayout.hintStore ? layout.members.count + node : node }

    /// The keys whose records may be in a store.
    private func keyIndices(in store: Int) -> [Int] {
        guard store != ClusterLayout.hintStore else { return Array(keys.indices) }
        return keys.indices.filter { layout.store(ofType: keys[$0].layout.type) == store }
    }

    mutating func onStored(key: Int, node: Int, store: Int, _ object: VersionedObject?, at time: UInt64) {
        let place = place(node, store: store)
        check(key, at: time) { ledger throws(KeyLedger.Objection) in
            try ledger.keys[key].onStored(node: place, object)
        }
        noteUnsynced(key, node, store)
    }

    /// A node is about to drop a hint for `holder`.
    mutating func onHintDropping(key: Int, node: Int, holder: Int, _ hint: VersionedObject, at time: UInt64) {
        let place = place(node, store: ClusterLayout.hintStore)
        check(key, at: time) { ledger throws(KeyLedger.Objection) in
            try ledger.keys[key].onHintDropping(place: place, holder: holder, hint)
        }
    }

    private mutating func noteUnsynced(_ key: Int, _ node: Int, _ store: Int) {
        let file = file(node, store)
        if !unsynced[file].contains(key) { unsynced[file].append(key) }
    }

    /// All that the store of a node holds is on its disk.
    mutating func onSynced(node: Int, store: Int) {
        let file = file(node, store)
        for key in unsynced[file] { keys[key].onSynced(node: place(node, store: store)) }
        unsynced[file].removeAll(keepingCapacity: true)
    }

    /// The node has ended, and its store may have lost something.
    mutating func onEnd(node: Int, store: Int, _ loss: StoreLoss, at time: UInt64) {
        let file = file(node, store)
        let place = place(node, store: store)
        switch loss {
        case .nothing: return
        case .anything:
            for key in keyIndices(in: store) { keys[key].onDamaged(node: place, isFound: false, at: time) }
            unsynced[file] = []
            return
        case .unsynced: break
        }
        for key in keyIndices(in: store) {
            keys[key].onPowerFailure(node: place, isUnsynced: unsynced[file].contains(key), at: time)
        }
        unsynced[file].removeAll(keepingCapacity: true)
    }

    /// A store has begun to write a key: a damaged copy may be replaced from here on.
    mutating func onWriting(key: Int, node: Int, store: Int) {
        keys[key].onWriting(node: place(node, store: store))
    }

    mutating func onDamaged(key: Int, node: Int, store: Int, isFound: Bool, at time: UInt64) {
        keys[key].onDamaged(node: place(node, store: store), isFound: isFound, at: time)
    }

    /// What a copy of the node's folder, taken now, holds durably: by key, of its own and of hints.
    func durable(of node: Int) -> [(own: DotSet, hints: DotSet)] {
        let hints = place(node, store: ClusterLayout.hintStore)
        return keys.map { ($0.durable[node], $0.durable[hints]) }
    }

    /// The node's folder holds these from now on; nil: nothing.
    mutating func restore(node: Int, _ held: [(own: DotSet, hints: DotSet)]?, at time: UInt64) {
        let hints = place(node, store: ClusterLayout.hintStore)
        for index in keys.indices {
            keys[index].restore(node: node, held?[index].own ?? DotSet(), at: time)
            keys[index].restore(node: hints, held?[index].hints ?? DotSet(), at: time)
        }
        for store in ClusterLayout.stores.indices { unsynced[file(node, store)] = [] }
    }

    private func file(_ node: Int, _ store: Int) -> Int { node * ClusterLayout.stores.count + store }

    // MARK: The end

    /// Holds the replicas as they are at the end, by key and node, against everything.
    mutating func finish(_ copies: [[VersionedObject?]], at time: UInt64) {
        for index in keys.indices {
            check(index, at: time) { ledger throws(KeyLedger.Objection) in
                try ledger.finish(index, copies[index])
            }
        }
    }

    /// Keys whose replicas are not equal.
    func differingKeys(_ copies: [[VersionedObject?]]) -> [Int] {
        keys.indices.filter { index in
            let replicas = keys[index].layout.holders.map { copies[index][$0] }
            return replicas.contains { $0 != replicas[0] }
        }
    }

    private mutating func finish(_ index: Int, _ copies: [VersionedObject?]) throws(KeyLedger.Objection) {
        let key = keys[index]
        let replicas = key.layout.holders.map { copies[$0] }
        guard let first = replicas.first else { return }
        guard replicas.allSatisfy({ $0 == first }) else {
            let vectors = replicas.map { $0.map { "\($0.vector)" } ?? "nothing" }.joined(separator: " | ")
            throw KeyLedger.Objection(truth: .convergence, detail: "the replicas differ: \(vectors)")
        }
        let covered = try first.map { object throws(KeyLedger.Objection) in try key.examine(object) } ?? DotSet()
        for (number, mint) in key.mints.enumerated() where !covered.contains(number) {
            let holding = key.held.indices.filter { key.held[$0].contains(number) }
            guard holding.isEmpty else {
                throw KeyLedger.Objection(
                    truth: .noWriteLost,
                    detail: "\(key.names(DotSet(number))) is gone, though node \(holding[0]) never lost what it held")
            }
            if let operation = mint.operation, operations[operation].outcome == .done { permittedLosses += 1 }
        }
        try checkApplication(first, covered, key)
        let history = ClientHistory(requests[index].map { operations[$0] }, of: key.layout, layout, losses: key.lossLog)
        if let complaint = history.complaint(about: first) {
            throw KeyLedger.Objection(truth: .historyKept, detail: complaint)
        }
    }

    /// What an application sees: nothing that was put into a cart, or counted, and is still known, is missing.
    private func checkApplication(
        _ object: VersionedObject?, _ covered: DotSet, _ key: KeyLedger
    ) throws(KeyLedger.Objection) {
        guard key.layout.usage == .cart || key.layout.usage == .counter else { return }
        let items = ApplicationValue.merged(key.layout.usage, object?.siblings ?? [])
        for number in covered.elements {
            guard let operation = key.mints[number].operation else { continue }
            let client = UInt32(max(0, operations[operation].client))
            let isThere =
                key.layout.usage == .cart
                ? items.contains(UInt32(operation))
                : ApplicationValue.count(items, of: client)
                    >= ApplicationValue.count(Array(operations[operation].value.dropFirst()), of: client)
            guard isThere else {
                throw KeyLedger.Objection(
                    truth: .noWriteLost,
                    detail: "the \(key.layout.usage) lost what \(key.names(DotSet(number))) put into it")
            }
        }
    }

    // MARK: For the reader

    private func history(of key: Int) -> [String] {
        operations.filter { $0.key == key && !($0.kind == .get && $0.outcome == .notFound) }.suffix(40).map {
            operation in
            var line = "\(operation.invoked / 1_000_000) ms: client \(operation.client) at node \(operation.node):"
            line += " #\(operation.number) \(operation.kind)"
            if let condition = operation.condition { line += " if \(condition)" }
            if operation.kind == .put { line += " \(operation.value)" }
            if operation.context != nil { line += " knowing \(keys[key].names(operation.seen))" }
            if let mint = operation.mint { line += ", minted as \(keys[key].mints[mint].dot)" }
            return line + ", \(operation.outcome)"
        }
    }
}
