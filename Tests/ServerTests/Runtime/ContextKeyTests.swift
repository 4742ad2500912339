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
        for secret in [nil, "s", ""] {
            let sealed = context.sealed(with: ContextKeys.key(secret: secret, cluster: cluster), boundTo: name)
            #expect(opens(sealed, ContextKeys.key(secret: secret, cluster: cluster)))
        }
    }

    @Test("another cluster's contexts, and those of another secret, do not open")
    func different() {
        let other = ClusterID(hash: KeyHash(high: 1, low: 3))
        let keys = [nil, "founding", "s", ""].flatMap { secret in
            [cluster, other].map { ContextKeys.key(secret: secret, cluster: $0) }
        }
        for (index, key) in keys.enumerated() {
            let sealed = context.sealed(with: key, boundTo: name)
            for (other, otherKey) in keys.enumerated() { #expect(opens(sealed, otherKey) == (index == other)) }
        }
    }
}
