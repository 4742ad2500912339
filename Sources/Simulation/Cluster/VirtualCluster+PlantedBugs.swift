import NIOCore
import Node
import Storage
import Versions

/// The door between nodes and their surroundings, where a bug may be planted to see whether the checkers find it.
extension VirtualCluster {
    /// Whether the planted bug shows now, so many times in a thousand; counted if it does.
    func strikes(_ bug: PlantedBug, _ permille: Int = 1000) -> Bool {
        guard self.bug == bug, !network.isCalm, generator.chance(permille) else { return false }
        strikes += 1
        return true
    }

    /// Carries out a group. `body` gets each completion with the request as the node made it.
    func perform(
        _ group: [StorageRequest], _ store: NodeProcess.Store, of node: Int,
        _ body: (StorageRequest, StorageCompletion) -> Void
    ) {
        guard bug != nil else {
            // A store completes a group's mints in their order, then all of them in the same order.
            return store.objects.perform(group) { completion in body(request(of: completion, in: group), completion) }
        }
        var performed: [StorageRequest] = []
        var rollBacks: [(key: ByteBuffer, value: ByteBuffer?)] = []
        var refused: [StorageToken] = []
        for request in group {
            // Hints have bugs of their own.
            guard request.place == .own else {
                performed.append(request)
                continue
            }
            let key = RecordKey.object(request.key, partition: request.partition)
            switch request.operation {
            case .merge where strikes(.countedWithoutWrite, 200):
                body(request, .written(request.token, durable: true))
            case .mint where strikes(.mintForgotten, 200):
                rollBacks.append((key, store.engine.value(of: key)))
                performed.append(request)
            case .mint where strikes(.mintedTwice, 200):
                refused.append(request.token)
                performed.append(request)
            case .merge where strikes(.leafNotUpdated, 100):
                performWithoutTrees(request, store, body)
            case .merge where strikes(.mergeReplaces, 300) || (replacing.remove(request.token) != nil):
                store.engine.rollBack(key, to: nil)
                performed.append(request)
            default: performed.append(twisted(request, store))
            }
        }
        store.objects.perform(performed) { completion in
            let request = request(of: completion, in: group)
            if refused.contains(completion.token) {
                guard case .minted = completion else { return }
                spy(request, completion, node)
                body(request, .failed(request.token, .full))
            } else if bug == .answerBeforeSync, case .written(let token, durable: false) = completion {
                body(request, .written(token, durable: true))
            } else {
                body(request, completion)
            }
        }
        for (key, value) in rollBacks { store.engine.rollBack(key, to: value) }
    }

    /// By a second store over the same records, which keeps no trees. What the group has changed of the key before
    /// stays: nothing of the group has been carried out yet, and a merge goes with whatever comes next.
    private func performWithoutTrees(
        _ request: StorageRequest, _ store: NodeProcess.Store, _ body: (StorageRequest, StorageCompletion) -> Void
    ) {
        guard let other = try? ObjectStore(engine: store.engine, onDamage: { _, _ in }) else { return }
        other.perform([request]) { body(request, $0) }
    }

    private func request(of completion: StorageCompletion, in group: [StorageRequest]) -> StorageRequest {
        guard let request = group.first(where: { $0.token == completion.token }) else {
            preconditionFailure("a store completed \(completion.token), which nobody asked for")
        }
        return request
    }

    private func twisted(_ request: StorageRequest, _ store: NodeProcess.Store) -> StorageRequest {
        var twisted = request
        switch request.operation {
        case .mint(let mint, let minter, .beforeAnswer) where strikes(.answerBeforeSync):
            twisted.operation = .mint(mint, by: minter, .sometime)
        case .merge(let object, let policy, .beforeAnswer) where strikes(.answerBeforeSync):
            twisted.operation = .merge(object, policy, .sometime)
        case .mint(var mint, let minter, let durability) where mint.condition != nil && strikes(.conditionIgnored):
            mint.condition = nil
            twisted.operation = .mint(mint, by: minter, durability)
        case .mint(var mint, let minter, let durability) where mint.context != nil && strikes(.contextIgnored, 200):
            mint.context = nil
            twisted.operation = .mint(mint, by: minter, durability)
        case .mint(var mint, let minter, let durability) where bug == .staleContextCovers && mint.context != nil:
            guard let key = keyIndex(of: request), let stored = copy(key, request.store, store, .writer),
                !stored.isDeleted,
                strikes(.staleContextCovers)
            else { return request }
            let context = stored.context()
            var vector = mint.context?.vector ?? context.vector
            vector.join(context.vector)
            mint.context = Context(vector: vector, stamp: max(context.stamp, mint.context?.stamp ?? .zero))
            twisted.operation = .mint(mint, by: minter, durability)
        case .merge(let object, let policy, let durability) where bug == .valueAltered:
            guard let altered = altered(object), strikes(.valueAltered, 200) else { return request }
            twisted.operation = .merge(altered, policy, durability)
        default: break
        }
        return twisted
    }

    /// The stamp that a node whose reservation is behind would give.
    func stampedLate(_ request: StorageRequest) -> StorageRequest {
        guard case .mint(var mint, let minter, let durability) = request.operation, strikes(.stampBehind, 200) else {
            return request
        }
        var late = request
        mint.now = HybridTime(milliseconds: mint.now.milliseconds - 100_000)
        late.operation = .mint(mint, by: minter, durability)
        return late
    }

    /// The last byte of an object's encoding is that of its last sibling's value.
    private func altered(_ object: VersionedObject) -> VersionedObject? {
        guard let last = object.siblings.last, last.content.value.readableBytes > 0 else { return nil }
        var bytes = ByteBuffer()
        object.encode(into: &bytes)
        let end = bytes.writerIndex - 1
        bytes.setInteger((bytes.getInteger(at: end, as: UInt8.self) ?? 0) ^ 0x55, at: end)
        return try? VersionedObject(decoding: &bytes)
    }

    /// A read's completion as the node with the planted bug would have it.
    func bent(_ completion: StorageCompletion, _ request: StorageRequest) -> StorageCompletion {
        guard bug != nil else { return completion }
        switch completion {
        case .failed(let token, .damaged) where strikes(.notFoundFromIncomplete): return .read(token, nil)
        case .read(let token, let object):
            if object != nil, strikes(.readNothing, 300) { return .read(token, nil) }
            guard bug == .oldCopyRead, let old = older(object, request), strikes(.oldCopyRead, 500) else {
                return completion
            }
            return .read(token, old)
        default: return completion
        }
    }

    /// An older version than this one, where one is remembered.
    private func older(_ object: VersionedObject?, _ request: StorageRequest) -> VersionedObject? {
        guard let key = keyIndex(of: request) else { return nil }
        defer { if remembered[key] == nil || generator.chance(50) { remembered[key] = object } }
        return remembered[key]
    }

    /// A node with the planted bug answers a message that a sound one only listens to.
    func answerWronglyIfPlanted(_ message: Message, from: Int, to: Int) {
        guard case .startAnnounced(let start) = message, let process = machines[to].process else { return }
        let known = process.machine.record.start(of: layout.members[from])
        switch bug {
        case .forgetfulConfirms where known == nil: break
        case .otherLifeConfirmed:
            guard let known, known.number < start.number, known.incarnation != start.incarnation else { return }
        case .crashedConfirms, .waitingConfirms:
            guard bug == .crashedConfirms || !process.machine.isReady else { return }
            guard let known, known.number < start.number, known.incarnation == start.incarnation else { return }
        default: return
        }
        strikes += 1
        plan(.deliver(.startConfirmed(start), from: to, to: from), after: 4_000_000)
    }

    /// A hint is deleted on its sender's own word.
    func confirmEarlyIfPlanted(_ message: Message, from: Int, to: Int) {
        guard case .replicate(let replicate) = message, replicate.deliversHint, strikes(.hintDroppedEarly) else {
            return
        }
        let confirmation = Replicated(correlation: replicate.correlation, result: .success(true))
        plan(.deliver(.replicated(confirmation), from: to, to: from), after: 100_000)
    }

    struct StandIn: Hashable {
        let correlation: UInt64
        let node: Int
    }

    /// A stand-in's answer is taken for the holder's. Returns whether it was.
    func answersAsHolderIfPlanted(_ message: Message, from: Int, to: Int) -> Bool {
        guard bug == .standInForPW else { return false }
        switch message {
        case .replicate(let replicate):
            if let holder = replicate.standingInFor.flatMap({ memberIndices[$0] }) {
                stoodInFor[StandIn(correlation: replicate.correlation, node: to)] = holder
            }
            return false
        case .replicated(let replicated):
            let standIn = StandIn(correlation: replicated.correlation, node: from)
            guard let holder = stoodInFor[standIn], case .success = replicated.result, strikes(.standInForPW) else {
                return false
            }
            plan(.deliver(message, from: holder, to: to), after: 1_000_000)
            return true
        default: return false
        }
    }

    /// A message as the node with the planted bug would send it.
    func bent(_ message: Message, to: Int) -> Message {
        guard let bug else { return message }
        switch (bug, message) {
        case (.backupKeepsIncarnation, .startConflict):
            guard let start = machines[to].process?.machine.record.start else { return message }
            strikes += 1
            return .startConfirmed(start)
        case (.repairWritesOlder, .replicate(var replicate)):
            guard let key = keyIndices[replicate.key] else { return message }
            defer { if remembered[key] == nil || generator.chance(100) { remembered[key] = replicate.object } }
            guard replicate.correlation == 0, let old = remembered[key], old != replicate.object,
                strikes(.repairWritesOlder)
            else { return message }
            replicate.object = old
            return .replicate(replicate)
        default: return message
        }
    }
}
