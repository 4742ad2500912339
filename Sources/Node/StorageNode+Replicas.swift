import Placement
import Versions

/// What this node does as a replica, for coordinators elsewhere.
extension StorageNode {
    mutating func onFetch(_ fetch: Fetch, from sender: MemberID, _ queue: inout EffectQueue) {
        do throws(ReplicaFailure) {
            let bucketType = try admit(fetch.key, standingInFor: fetch.standingInFor)
            let policy = settings.bucketTypes[bucketType].policy
            let place = fetch.standingInFor.isEmpty ? RecordPlace.own : .hints(for: fetch.standingInFor, policy)
            emit(
                .read, of: fetch.key, place, bucketType,
                for: .fetch(for: sender, fetch.correlation), &queue)
        } catch {
            let fetched = Fetched(correlation: fetch.correlation, result: .failure(error))
            queue.emit(.send(.fetched(fetched), to: sender))
        }
    }

    mutating func onReplicate(
        _ replicate: Replicate, from sender: MemberID, _ now: Time, _ queue: inout EffectQueue
    ) {
        do throws(ReplicaFailure) {
            let bucketType = try admit(replicate.key, standingInFor: replicate.standingInFor.map { [$0] } ?? [])
            let policy = settings.bucketTypes[bucketType].policy
            try accept(stampsOf: replicate.object, policy, now)
            emit(
                .merge(replicate.object, policy, replicate.durability), of: replicate.key,
                replicate.standingInFor.map { .hint(for: $0) } ?? .own, bucketType,
                for: .merge(for: sender, replicate.correlation, standingInFor: replicate.standingInFor), &queue)
        } catch {
            let replicated = Replicated(correlation: replicate.correlation, result: .failure(error))
            queue.emit(.send(.replicated(replicated), to: sender))
        }
    }

    /// Elsewhere than where the last write wins a stamp decides nothing.
    mutating func accept(
        stampsOf object: VersionedObject, _ policy: ConflictPolicy, _ now: Time
    ) throws(ReplicaFailure) {
        let stamp = object.siblings.map(\.stamp).max() ?? .zero
        if clock.accepts(stamp, wall: now.wall) {
            clock.observe(stamp)
        } else if policy == .lastWriteWins {
            statistics.stampsRefused += 1
            throw .stampAhead(milliseconds: stamp.milliseconds - now.wall)
        }
    }

    /// - Parameter members: Whom this node is to stand in for: holders, of which it is none.
    private func admit(_ key: ObjectKey, standingInFor members: [MemberID]) throws(ReplicaFailure) -> Int {
        guard replicaOperations.count < settings.maximumReplicaOperations else { throw .storage(.overloaded) }
        guard let bucketType = settings.bucketTypes.position(named: key.type) else { throw .unknownBucketType }
        if let name = badName(in: key) { throw .storage(.tooLarge(bytes: name.length, limit: name.limit)) }
        if !members.isEmpty {
            let holders = holders(settings.map.partition(of: key), settings.bucketTypes[bucketType])
            guard !holders.contains(me), members.allSatisfy({ holders.contains($0) }), members.count <= holders.count
            else { throw .storage(.failed("asked to stand in for what is no other holder")) }
        }
        return bucketType
    }

    private mutating func emit(
        _ operation: StorageOperation, of key: ObjectKey, _ place: RecordPlace, _ bucketType: Int,
        for purpose: ReplicaOperation, _ queue: inout EffectQueue
    ) {
        let token = StorageToken(rawValue: replicaOperations.insert(purpose))
        queue.emit(
            .storage(
                StorageRequest(
                    token: token,
                    store: place == .own ? settings.bucketTypes.store(of: bucketType) : settings.hintStore,
                    partition: settings.map.partition(of: key), key: key, place: place, operation: operation)))
    }

    mutating func onReplicaOperation(_ completion: StorageCompletion, _ now: Time, _ queue: inout EffectQueue) {
        let token = completion.token.rawValue
        guard let operation = replicaOperations[token] else { return }
        replicaOperations.remove(token)
        switch operation {
        case .repair: break
        case .fetch(let coordinator, let correlation):
            let result: Result<VersionedObject?, ReplicaFailure> =
                switch completion {
                case .read(_, let object): .success(object)
                case .failed(_, let failure): .failure(.storage(failure))
                default: .failure(.storage(.failed("a read ended as something else")))
                }
            queue.emit(.send(.fetched(Fetched(correlation: correlation, result: result)), to: coordinator))
        case .merge(let coordinator, let correlation, let holder):
            if let holder, case .written = completion { onHintKept(for: holder, now) }
            guard correlation != 0 else { return }
            let result: Result<Bool, ReplicaFailure> =
                switch completion {
                case .written(_, let durable): .success(durable)
                case .failed(_, let failure): .failure(.storage(failure))
                default: .failure(.storage(.failed("a merge ended as something else")))
                }
            queue.emit(.send(.replicated(Replicated(correlation: correlation, result: result)), to: coordinator))
        }
    }
}
