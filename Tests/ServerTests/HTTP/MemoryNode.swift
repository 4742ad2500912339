import CoreMetrics
import NIOCore
import Node
import Placement
import Synchronization
import Versions

@testable import Server

/// A node of one replica in memory: no quorums, but the real versions, contexts and dots.
final class MemoryNode: NodeService {
    private struct State {
        var objects: [ObjectKey: (object: VersionedObject, mark: MintMark)] = [:]
        var actors = ActorSource(node: 1, incarnation: 1, birthCeiling: 0, birthFloor: 0)
        var milliseconds: UInt64 = MemoryNode.epoch * 1000
        var gets: UInt64 = 0
        var failures: [RequestFailure?] = []
        var isHolding = false
        var held: [@Sendable () -> Void] = []
        var requests: [ClientRequest] = []
        var lacking: [String] = []
    }

    /// Unix seconds of the first write; each later one is a second after the one before.
    static let epoch: UInt64 = 1_700_000_000
    static let maximumObjectBytes = 5 << 20

    private let secret = ContextKey(1, 2)
    private let state = Mutex(State())

    init() {
        state.withLock { $0.actors.reserved(1 << 20) }
    }

    /// The next request, or the one after so many, ends with this.
    func fail(with failure: RequestFailure, after passing: Int = 0) {
        state.withLock { $0.failures += Array(repeating: nil, count: passing) + [failure] }
    }

    /// Keeps answers back until ``release()``.
    func hold() {
        state.withLock { $0.isHolding = true }
    }

    func release() {
        let held = state.withLock { state in
            defer { state.held = [] }
            state.isHolding = false
            return state.held
        }
        for answer in held { answer() }
    }

    /// Waits until so many answers are kept back, or the test's time is over.
    func untilHeld(_ count: Int) async throws {
        while state.withLock({ $0.held.count < count }) {
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    var requests: [ClientRequest] { state.withLock { $0.requests } }

    func perform(_ request: ClientRequest) async -> ClientReply {
        await withCheckedContinuation { continuation in
            perform(request) { continuation.resume(returning: $0) }
        }
    }

    func perform(_ request: ClientRequest, reply: @escaping @Sendable (ClientReply) -> Void) {
        let answer = state.withLock { state in
            state.requests.append(request)
            return self.answer(request, &state)
        }
        let isHeld = state.withLock { state in
            if state.isHolding { state.held.append { reply(answer) } }
            return state.isHolding
        }
        if !isHeld { reply(answer) }
    }

    private func answer(_ request: ClientRequest, _ state: inout State) -> ClientReply {
        if !state.failures.isEmpty, let failure = state.failures.removeFirst() { return .failed(failure) }
        let type = String(buffer: request.key.type)
        guard ["default", "shop"].contains(type) else { return .failed(.unknownBucketType(type)) }
        guard request.key.key.readableBytes > 0 else {
            return .failed(.badName(part: "Key", length: 0, limit: 4096))
        }
        do throws(ContextError) {
            switch request {
            case .get(let get): return self.get(get.key, &state)
            case .put(let put): return try self.put(put, &state)
            case .delete(let delete): return try self.delete(delete, &state)
            }
        } catch {
            return .failed(.contextRefused(error.description))
        }
    }

    private func get(_ key: ObjectKey, _ state: inout State) -> ClientReply {
        guard let object = state.objects[key]?.object else { return .notFound(context: nil) }
        state.gets += 1
        let context = seal(object.context(fastest: state.gets), key)
        return object.isDeleted
            ? .notFound(context: context) : .found(FoundObject(object: object, context: context))
    }

    private func put(_ put: PutRequest, _ state: inout State) throws(ContextError) -> ClientReply {
        let bytes = put.content.value.readableBytes
        guard bytes <= Self.maximumObjectBytes else {
            return .failed(.objectTooLarge(bytes: bytes, limit: Self.maximumObjectBytes))
        }
        if let failure = try failure(of: put.condition, put.key, state) { return .failed(.conditionFailed(failure)) }
        let object = write(put.key, put.content, isTombstone: false, try open(put.context, put.key), &state)
        return .stored(
            put.returnBody ? FoundObject(object: object, context: seal(object.context(), put.key)) : nil)
    }

    private func delete(_ delete: DeleteRequest, _ state: inout State) throws(ContextError) -> ClientReply {
        let stored = state.objects[delete.key]?.object
        let context = try open(delete.context, delete.key)
        if let failure = try failure(of: delete.condition, delete.key, state) {
            return .failed(.conditionFailed(failure))
        }
        guard context != nil || stored?.isDeleted == false else {
            return .notFound(context: stored.map { seal($0.context(), delete.key) })
        }
        _ = write(delete.key, Content(), isTombstone: true, context ?? stored?.context(), &state)
        return .deleted
    }

    private func failure(
        of condition: WriteCondition?, _ key: ObjectKey, _ state: State
    ) throws(ContextError) -> ConditionFailure? {
        let stored = state.objects[key]?.object
        switch condition {
        case nil: return nil
        case .absent: return MintCondition.absent.failure(of: stored)
        case .unchanged(let sealed):
            let vector =
                try sealed.readableBytes == 0
                ? VersionVector() : Context.opened(sealed, with: secret, boundTo: key.canonicalBytes).vector
            return stored?.isDeleted ?? true ? .missing : MintCondition.unchanged(since: vector).failure(of: stored)
        }
    }

    private func write(
        _ key: ObjectKey, _ content: Content, isTombstone: Bool, _ context: Context?, _ state: inout State
    ) -> VersionedObject {
        let stored = state.objects[key]
        guard let actor = state.actors.actor(onto: stored?.object, mark: stored?.mark, context: context) else {
            preconditionFailure("no birth left of \(state.actors.birthCeiling)")
        }
        let mint = Mint(
            content: content, isTombstone: isTombstone, context: context,
            now: HybridTime(milliseconds: state.milliseconds), policy: .siblings)
        state.milliseconds += 1000
        do throws(MintRefusal) {
            let minted = try mint.minted(onto: stored?.object, actor: actor)
            state.objects[key] = (minted.object, minted.mark)
            return minted.object
        } catch {
            preconditionFailure("a mint without a limit was refused: \(error)")
        }
    }

    private func open(_ sealed: ByteBuffer?, _ key: ObjectKey) throws(ContextError) -> Context? {
        guard let sealed else { return nil }
        return try Context.opened(sealed, with: secret, boundTo: key.canonicalBytes)
    }

    private func seal(_ context: Context, _ key: ObjectKey) -> ByteBuffer {
        context.sealed(with: secret, boundTo: key.canonicalBytes)
    }

    func location(of key: ObjectKey) throws(RequestFailure) -> ObjectLocation {
        guard key.type == ByteBuffer(string: "default") else { throw .unknownBucketType(String(buffer: key.type)) }
        return ObjectLocation(
            hash: "00ff", partition: 7, partitions: 256, n: 1,
            preferenceList: [
                .init(node: "a", address: "127.0.0.1:8099", zone: "rack-1", slot: 0, reachable: true),
                .init(node: "b", address: "127.0.0.1:8199", zone: "rack-2", slot: nil, reachable: false),
            ])
    }

    /// What ``lacking()`` answers.
    func lack(_ lines: [String]) {
        state.withLock { $0.lacking = lines }
    }

    let meters: any MetricsFactory = PrometheusFactory(describing: [], bounds: [])

    func metrics() async -> ByteBuffer { ByteBuffer(string: "# TYPE rotor_ready gauge\nrotor_ready 1\n") }
    func isAlive() async -> Bool { true }
    func lacking() async -> [String] { state.withLock { $0.lacking } }

    func status() async -> NodeStatus {
        NodeStatus(
            node: "a", member: "00", incarnation: "1", start: 1, ready: true, cluster: "shop", clusterID: "c",
            partitions: 256, n: 3, replicas: 1,
            peers: [
                .init(
                    name: "b", member: "01", address: "127.0.0.1:8199", zone: "rack-2", weight: 1, linked: true,
                    state: "up", partitions: 12)
            ],
            stores: [], hints: .init(count: 0, bytes: 0), bucketTypes: ["default", "shop"], uptimeSeconds: 5,
            requestsInFlight: 0,
            counters: ["gets": 3, "puts": 2], versionsReturned: [1, 1, 1, 0])
    }
}
