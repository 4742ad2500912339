import NIOCore
import Node
import Storage
import Versions

/// The door between nodes and stores, where a run may lie to see whether the checkers notice.
extension VirtualCluster {
    /// Carries out a group. `body` gets each completion with the request as the node made it.
    func perform(
        _ group: [StorageRequest], _ store: NodeProcess.Store,
        _ body: (StorageRequest, StorageCompletion) -> Void
    ) {
        var performed: [StorageRequest] = []
        var rollBacks: [(key: ByteBuffer, value: ByteBuffer?)] = []
        for request in group {
            guard mischief != nil, !network.isCalm else {
                performed.append(request)
                continue
            }
            switch (mischief, request.operation) {
            case (.forgetMerge, .merge) where generator.chance(200):
                liesTold += 1
                body(request, .written(request.token, durable: true))
            case (.forgetMint, .mint) where generator.chance(200):
                let key = RecordKey.object(request.key, partition: request.partition)
                rollBacks.append((key, store.engine.value(of: key)))
                performed.append(request)
            case (.replaceByMerge, .merge) where generator.chance(300):
                liesTold += 1
                store.engine.rollBack(RecordKey.object(request.key, partition: request.partition), to: nil)
                performed.append(request)
            default: performed.append(twisted(request, store))
            }
        }
        store.objects.perform(performed) { completion in
            guard let request = group.first(where: { $0.token == completion.token }) else {
                preconditionFailure("a store completed \(completion.token), which nobody asked for")
            }
            if mischief == .answerBeforeSync, case .written(let token, durable: false) = completion {
                body(request, .written(token, durable: true))
            } else {
                body(request, completion)
            }
        }
        for (key, value) in rollBacks {
            liesTold += 1
            store.engine.rollBack(key, to: value)
        }
    }

    private func twisted(_ request: StorageRequest, _ store: NodeProcess.Store) -> StorageRequest {
        var twisted = request
        switch (mischief, request.operation) {
        case (.answerBeforeSync, .mint(let mint, let minter, true)):
            liesTold += 1
            twisted.operation = .mint(mint, by: minter, durable: false)
        case (.answerBeforeSync, .merge(let object, let policy, true)):
            liesTold += 1
            twisted.operation = .merge(object, policy, durable: false)
        case (.ignoreContext, .mint(var mint, let minter, let durable))
        where mint.context != nil && generator.chance(200):
            liesTold += 1
            mint.context = nil
            twisted.operation = .mint(mint, by: minter, durable: durable)
        case (.coverUnseen, .mint(var mint, let minter, let durable)):
            guard let key = keyIndex(of: request), let stored = copy(key, store, .writer), !stored.isDeleted else {
                return request
            }
            liesTold += 1
            let context = stored.context()
            var vector = mint.context?.vector ?? context.vector
            vector.join(context.vector)
            mint.context = Context(vector: vector, stamp: max(context.stamp, mint.context?.stamp ?? .zero))
            twisted.operation = .mint(mint, by: minter, durable: durable)
        case (.alterValue, .merge(let object, let policy, let durable)) where generator.chance(200):
            guard let altered = altered(object) else { return request }
            liesTold += 1
            twisted.operation = .merge(altered, policy, durable: durable)
        default: break
        }
        return twisted
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

    func lied(about completion: StorageCompletion, _ request: StorageRequest) -> StorageCompletion {
        guard !network.isCalm, case .read(let token, let object) = completion, let key = keyIndex(of: request) else {
            return completion
        }
        switch mischief {
        case .readNothing where object != nil && generator.chance(300):
            liesTold += 1
            return .read(token, nil)
        case .readOldCopy:
            defer { if remembered[key] == nil || generator.chance(50) { remembered[key] = object } }
            guard let old = remembered[key], generator.chance(500) else { return completion }
            liesTold += 1
            return .read(token, old)
        default: return completion
        }
    }
}
