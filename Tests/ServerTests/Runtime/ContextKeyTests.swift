import Engines
import NIOCore
import Node
import Placement
import Testing
import Versions

@testable import Server

@Suite struct ContextKeyTests {
    private let cluster = ClusterID(hash: KeyHash(high: 1, low: 2))
    private let context = Context(vector: VersionVector(), stamp: .zero)
    private let name = ByteBuffer(string: "key")

    private func opens(_ sealed: ByteBuffer, _ key: ContextKey) -> Bool {
        (try? Context.opened(sealed, with: key, boundTo: name)) != nil
    }

    @Test("members of a cluster open each other's contexts, with a secret and without")
    func same() {
        for secret in [nil, ClusterSecret("a secret of some length")] {
            let sealed = context.sealed(with: ContextKeys.key(secret: secret, cluster: cluster), boundTo: name)
            #expect(opens(sealed, ContextKeys.key(secret: secret, cluster: cluster)))
        }
    }

    @Test("another cluster's contexts, and those of another secret, do not open")
    func different() {
        let other = ClusterID(hash: KeyHash(high: 1, low: 3))
        let secrets = [nil, ClusterSecret("a secret of some length"), ClusterSecret("another one like it")]
        let keys = secrets.flatMap { secret in
            [cluster, other].map { ContextKeys.key(secret: secret, cluster: $0) }
        }
        for (index, key) in keys.enumerated() {
            let sealed = context.sealed(with: key, boundTo: name)
            for (other, otherKey) in keys.enumerated() { #expect(opens(sealed, otherKey) == (index == other)) }
        }
    }

    @Test("a node seals with its secret, and tells it neither in its log nor in its status")
    func untold() async throws {
        let secret = try #require(ClusterSecret("a secret of some length"))
        let cluster = try TestCluster([.memory]) { $0.secret = secret }
        try await cluster.start()
        let node = cluster.nodes[0]
        try await node.put("k", "v")
        let sealed = try #require(try await node.context("k"))
        let key = ContextKeys.key(secret: secret, cluster: node.settings.founding.clusterID)
        let bound = ObjectKey(type: "default", bucket: "b", key: "k").canonicalBytes
        #expect(throws: Never.self) { try Context.opened(sealed, with: key, boundTo: bound) }
        #expect(!"\(try await node.status())".contains(secret.text))
        #expect(!"\(node.settings)".contains(secret.text))
        await cluster.stop()
        #expect(node.log.count(of: secret.text) == 0)
    }
}
