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

        // A client writes a new object, and Sx handles the write.
        let d1 = try sx.put("D1", context: nil).object
        #expect(clock(d1) == ["Sx": 1])

        // The same client updates it, at Sx again.
        let d2 = try sx.put("D2", context: d1.context()).object
        #expect(clock(d2) == ["Sx": 2])
        #expect(d2.values == ["D2"])
        // D2 overwrites D1, of which replicas may linger.
        #expect(d2.vector.compared(to: d1.vector) == .after)
        #expect(d1.merged(with: d2, policy: .siblings) == d2)

        // The next update is handled by Sy.
        sy.merge(d2)
        let d3 = try sy.put("D3", context: d2.context()).object
        #expect(clock(d3) == ["Sx": 2, "Sy": 1])

        // Another client had read D2, and its update is handled by Sz.
        sz.merge(d2)
        let d4 = try sz.put("D4", context: d2.context()).object
        #expect(clock(d4) == ["Sx": 2, "Sz": 1])
        #expect(d3.vector.compared(to: d4.vector) == .concurrent)

        // Whoever has D1 or D2 and receives D4 can forget them.
        #expect(d2.merged(with: d4, policy: .siblings) == d4)
        #expect(d1.merged(with: d4, policy: .siblings) == d4)

        // Whoever has D3 and receives D4 finds neither in the other and must keep both; a read returns both, and a
        // context that sums up their clocks.
        let read = d3.merged(with: d4, policy: .siblings)
        #expect(read.values.sorted() == ["D3", "D4"])
        #expect(clock(read) == ["Sx": 2, "Sy": 1, "Sz": 1])
        #expect(read.context().vector == read.vector)

        // The client reconciles them, and Sx coordinates the write.
        let d5 = try sx.put("D5", context: read.context()).object
        #expect(clock(d5) == ["Sx": 3, "Sy": 1, "Sz": 1])
        #expect(d5.values == ["D5"])
        for older in [d1, d2, d3, d4, read] {
            #expect(older.merged(with: d5, policy: .siblings) == d5)
        }
    }
}
