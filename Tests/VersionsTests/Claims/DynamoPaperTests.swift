import Testing

@testable import Versions

@Suite("Dynamo §4.4")
struct DynamoPaperTests {
    @Test("Fig. 3: D1 to D5 have the clocks that the paper prints")
    func figure3() throws {
        var sx = Replica(node: 1)
        var sy = Replica(node: 2)
        var sz = Replica(node: 3)
        func clock(_ object: VersionedObject) -> [String: UInt64] {
            let names: [UInt64: String] = [1: "Sx", 2: "Sy", 3: "Sz"]
            return Dictionary(
                uniqueKeysWithValues: object.vector.entries.map { (names[$0.actor.node] ?? "?", $0.counter) })
        }

        // "A client writes a new object. The node (say Sx) that handles the write …"
        let d1 = try sx.put("D1", context: nil).object
        #expect(clock(d1) == ["Sx": 1])

        // "The client updates the object. Assume the same node handles this request as well."
        let d2 = try sx.put("D2", context: d1.context()).object
        #expect(clock(d2) == ["Sx": 2])
        #expect(d2.values == ["D2"])
        // "… D2 descends from D1 and therefore over-writes D1, however there may be replicas of D1 lingering."
        #expect(d2.vector.compared(to: d1.vector) == .after)
        #expect(d1.merged(with: d2, policy: .siblings) == d2)

        // "the same client updates the object again and a different server (say Sy) handles the request"
        sy.merge(d2)
        let d3 = try sy.put("D3", context: d2.context()).object
        #expect(clock(d3) == ["Sx": 2, "Sy": 1])

        // "a different client reads D2 and then tries to update it, and another node (say Sz) does the write"
        sz.merge(d2)
        let d4 = try sz.put("D4", context: d2.context()).object
        #expect(clock(d4) == ["Sx": 2, "Sz": 1])
        #expect(d3.vector.compared(to: d4.vector) == .concurrent)

        // "A node that is aware of D1 or D2 could determine, upon receiving D4, that D1 and D2 are overwritten."
        #expect(d2.merged(with: d4, policy: .siblings) == d4)
        #expect(d1.merged(with: d4, policy: .siblings) == d4)

        // "A node that is aware of D3 and receives D4 will find that there is no causal relation … both versions
        // must be kept." The context is a summary of both.
        let read = d3.merged(with: d4, policy: .siblings)
        #expect(read.values.sorted() == ["D3", "D4"])
        #expect(clock(read) == ["Sx": 2, "Sy": 1, "Sz": 1])
        #expect(read.context().vector == read.vector)

        // "If the client performs the reconciliation and node Sx coordinates the write, Sx will update its sequence
        // number in the clock."
        let d5 = try sx.put("D5", context: read.context()).object
        #expect(clock(d5) == ["Sx": 3, "Sy": 1, "Sz": 1])
        #expect(d5.values == ["D5"])
        for older in [d1, d2, d3, d4, read] {
            #expect(older.merged(with: d5, policy: .siblings) == d5)
        }
    }
}
