import NIOCore

@testable import Versions

/// What must not be done: one actor a node for ever, that goes on counting from whatever its record says.
enum NaiveMint {
    static func minted(
        _ value: String, onto stored: VersionedObject?, node: UInt64, context: Context?, now: HybridTime = .zero
    ) -> (object: VersionedObject, sibling: Sibling) {
        let actor = Actor(node: node, incarnation: 0, birth: 0)
        let counter = (stored?.vector.counter(of: actor) ?? 0) + 1
        var vector = stored?.vector ?? VersionVector()
        vector.join(context?.vector ?? VersionVector())
        vector.join(VersionVector(sorted: [.init(actor: actor, counter: counter, updated: now.seconds)]))
        let stamp = max(now, context?.stamp.next ?? .zero, stored?.newest.stamp.next ?? .zero)
        let sibling = Sibling(
            dot: Dot(actor: actor, counter: counter), stamp: stamp, isTombstone: false,
            content: Content(value: ByteBuffer(string: value)))
        var siblings = (stored?.siblings ?? []).filter { !(context?.vector.covers($0.dot) ?? false) }
        siblings.removeAll { $0.dot == sibling.dot }
        siblings.append(sibling)
        siblings.sort { $0.dot < $1.dot }
        return (VersionedObject(vector: vector, siblings: siblings), sibling)
    }
}
