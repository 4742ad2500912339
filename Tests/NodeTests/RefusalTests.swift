import NIOCore
import Placement
import Testing
import Versions

@testable import Node

/// Bad input: one clear failure each, and nothing written or asked of anybody.
@Suite struct RefusalTests {
    private func refused(_ request: ClientRequest, by node: NodeHarness) -> RequestFailure? {
        let effects = node.request(request)
        #expect(effects.storage.isEmpty && effects.sent.isEmpty)
        if let failure = effects.failure { #expect(failure.consequence == .refused, "\(failure)") }
        return effects.failure
    }

    @Test("a bucket type that does not exist is named")
    func unknownType() throws {
        let node = try NodeHarness()
        let key = ObjectKey(type: "nosuch", bucket: "b", key: "k")
        #expect(refused(.get(GetRequest(key: key)), by: node) == .unknownBucketType("nosuch"))
        #expect(refused(.put(PutRequest(key: key, content: Content())), by: node) == .unknownBucketType("nosuch"))
        #expect(refused(.delete(DeleteRequest(key: key)), by: node) == .unknownBucketType("nosuch"))
    }

    @Test("names are neither empty nor longer than allowed")
    func names() throws {
        let node = try NodeHarness()
        func key(type: Int = 7, bucket: Int = 1, key: Int = 1) -> ObjectKey {
            ObjectKey(
                type: type == 7 ? ByteBuffer(string: "default") : ByteBuffer(repeating: 97, count: type),
                bucket: ByteBuffer(repeating: 0, count: bucket), key: ByteBuffer(repeating: 255, count: key))
        }
        for (bad, part, length, limit) in [
            (key(type: 0), "Type", 0, 255), (key(type: 256), "Type", 256, 255), (key(bucket: 0), "Bucket", 0, 512),
            (key(bucket: 513), "Bucket", 513, 512), (key(key: 0), "Key", 0, 2048), (key(key: 2049), "Key", 2049, 2048),
        ] {
            #expect(
                refused(.get(GetRequest(key: bad)), by: node) == .badName(part: part, length: length, limit: limit))
        }
        #expect(node.request(.get(GetRequest(key: key(bucket: 512, key: 2048)))).failure == nil)
    }

    @Test("more replies asked for than the type has replicas is refused with both numbers")
    func aboveN() throws {
        let node = try NodeHarness(members: 5)
        let key = try node.ownKey()
        for (kind, count) in [(QuorumKind.r, 4), (.pr, 100), (.r, -1)] {
            var get = GetRequest(key: key)
            if kind == .r { get.r = .count(count) } else { get.pr = .count(count) }
            #expect(refused(.get(get), by: node) == .quorumAboveN(kind, asked: count, n: 3))
        }
        for kind in [QuorumKind.w, .pw, .dw] {
            var put = PutRequest(key: key, content: Content())
            if kind == .w { put.w = .count(4) }
            if kind == .pw { put.pw = .count(4) }
            if kind == .dw { put.dw = .count(4) }
            #expect(refused(.put(put), by: node) == .quorumAboveN(kind, asked: 4, n: 3))
        }
    }

    @Test("an object larger than the type allows is refused with both sizes")
    func tooLarge() throws {
        var type = BucketType(name: "default", store: "main", n: 3)
        type.maximumObjectBytes = 10
        let node = try NodeHarness(types: [type])
        let key = try node.ownKey()
        let content = Content(metadata: ByteBuffer(string: "1234"), value: ByteBuffer(string: "1234567"))
        #expect(
            refused(.put(PutRequest(key: key, content: content)), by: node) == .objectTooLarge(bytes: 11, limit: 10))
    }

    @Test("a forged, altered or foreign context is refused")
    func contexts() throws {
        let node = try NodeHarness()
        let key = try node.ownKey()
        let object = try NodeHarness.object("seen")
        let good = NodeHarness.sealed(object, for: key)
        var altered = good
        altered.setInteger((good.getInteger(at: 3, as: UInt8.self) ?? 0) ^ 1, at: 3)
        let foreign = object.context().sealed(with: ContextKey(3, 4), boundTo: key.canonicalBytes)
        let others = NodeHarness.sealed(object, for: ObjectKey(type: "default", bucket: "b", key: "other"))
        for bad in [altered, foreign, others, ByteBuffer(string: "garbage"), ByteBuffer(repeating: 1, count: 300)] {
            for request in [
                ClientRequest.put(PutRequest(key: key, content: Content(), context: bad)),
                .delete(DeleteRequest(key: key, context: bad)),
            ] {
                guard case .contextRefused = refused(request, by: node) else {
                    Issue.record("accepted: \(bad.readableBytesView.map { $0 })")
                    continue
                }
            }
        }
        #expect(node.request(.put(PutRequest(key: key, content: Content(), context: good))).storage.count == 1)
    }

    @Test("above the limit of requests, overload is answered at once")
    func overload() throws {
        let node = try NodeHarness { $0.maximumRequests = 3 }
        let key = try node.ownKey()
        for _ in 0..<3 { #expect(node.request(.put(PutRequest(key: key, content: Content()))).failure == nil) }
        for request in [ClientRequest.get(GetRequest(key: key)), .put(PutRequest(key: key, content: Content()))] {
            let effects = node.request(request)
            #expect(effects.failure == .overloaded(waiting: 3, limit: 3))
            #expect(effects.storage.isEmpty)
        }
        let forward = Forward(
            correlation: 4, start: 1, sequence: 1, receiver: node.record.start.session,
            request: .put(PutRequest(key: key, content: Content())))
        let forwarded = node.handle(.message(.forward(forward), from: node.members[1]))
        #expect(forwarded.storage.isEmpty && forwarded.sent.count == 1)
    }

    @Test("a client's timeout is bounded below and above")
    func timeouts() throws {
        let node = try NodeHarness { $0.maximumTimeoutMilliseconds = 5000 }
        let key = try node.ownKey()
        for (asked, granted) in [(0, 1), (-5, 1), (Int.max, 5000)] {
            var put = PutRequest(key: key, content: Content())
            put.timeoutMilliseconds = asked
            node.request(.put(put))
            #expect(
                node.pass(milliseconds: UInt64(granted)).failure
                    == .timedOut(.w, needed: 2, got: 0, milliseconds: granted))
        }
    }
}
