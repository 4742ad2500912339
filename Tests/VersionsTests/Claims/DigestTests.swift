import NIOCore
import Testing

@testable import Versions

@Suite struct DigestTests {
    private func object(_ counters: [UInt64], siblings: [Int], updated: UInt32 = 7) -> VersionedObject {
        let entries = counters.enumerated().map { index, counter in
            VersionVector.Entry(
                actor: Actor(node: UInt64(index + 1), incarnation: 1, birth: 1), counter: counter, updated: updated)
        }
        return VersionedObject(
            vector: VersionVector(sorted: entries),
            siblings: siblings.map { index in
                Sibling(
                    dot: Dot(actor: entries[index].actor, counter: counters[index]), stamp: .zero, isTombstone: false,
                    content: Content(value: ByteBuffer(string: "v")))
            })
    }

    @Test("equal objects have equal digests; another dot, counter, sibling or time of update makes another one")
    func digests() {
        let variants = [
            object([1], siblings: [0]), object([2], siblings: [0]), object([1, 1], siblings: [0]),
            object([1, 1], siblings: [1]), object([1, 1], siblings: [0, 1]), object([1], siblings: [0], updated: 8),
        ]
        for (index, one) in variants.enumerated() {
            for (other, another) in variants.enumerated() {
                #expect((one.digest == another.digest) == (index == other))
            }
        }
    }

    @Test("a digest is the same in every version of the program: nodes of different ones compare theirs")
    func known() {
        #expect(object([3, 1], siblings: [0]).digest == 11_241_807_941_994_164_657)
    }
}
