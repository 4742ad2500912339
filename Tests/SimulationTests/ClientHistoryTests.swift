import NIOCore
import Node
import Testing
import Versions

@testable import Simulation

/// The checker that knows clients only, on histories made up by hand.
@Suite struct ClientHistoryTests {
    private let layout: ClusterLayout = {
        var generator = SeededGenerator(seed: 1)
        let workload = WorkloadPlan(wished: [.carts, .deletes], operations: 0, keysEach: 1, generator: &generator)
        return ClusterLayout(nodes: 3, workload: workload, isPlain: true, generator: &generator)
    }()

    private func put(_ number: Int, seeing seen: [Int]? = nil, _ outcome: Operation.Outcome = .done) -> Operation {
        var operation = Operation(
            number: number, client: 0, key: 1, node: 0, kind: .put, invoked: UInt64(number) * 100,
            timeoutMilliseconds: 1000)
        operation.value = [UInt32(number)]
        operation.outcome = outcome
        operation.answered = operation.invoked + 50
        if let seen {
            operation.context = ByteBuffer()
            operation.seenWrites = seen
        }
        return operation
    }

    private func delete(
        _ number: Int, seeing seen: [Int]? = nil, _ outcome: Operation.Outcome = .done
    ) -> Operation {
        var operation = put(number, seeing: seen, outcome)
        operation.kind = .delete
        return operation
    }

    private func end(_ writes: [Int]) throws -> VersionedObject? {
        var object: VersionedObject?
        for write in writes {
            let mint = Mint(
                content: Content(value: ApplicationValue.encode([UInt32(write)])), context: nil,
                now: HybridTime(milliseconds: 1), policy: .siblings)
            let actor = Actor(node: UInt64(write), incarnation: 1, birth: 0)
            object = try mint.minted(onto: object, actor: actor).object
        }
        return object
    }

    private func complaint(
        _ operations: [Operation], end writes: [Int], losses: [KeyLedger.Loss] = []
    ) throws -> String? {
        let history = ClientHistory(operations, of: layout.keys[1], layout, losses: losses)
        return history.complaint(about: try end(writes))
    }

    private func loss(_ node: Int, synced: Bool) -> KeyLedger.Loss {
        KeyLedger.Loss(time: 150, place: node, includesSynced: synced)
    }

    @Test("what was acknowledged is there, or superseded by somebody who had seen it, or may have been deleted")
    func kept() throws {
        #expect(try complaint([put(1)], end: [1]) == nil)
        #expect(try complaint([put(1), put(2, seeing: [1])], end: [2]) == nil)
        #expect(try complaint([put(1), put(2, seeing: [1]), put(3, seeing: [2])], end: [3]) == nil)
        #expect(try complaint([put(1), delete(2, seeing: [1])], end: []) == nil)
        #expect(try complaint([put(1), delete(2)], end: []) == nil)
        #expect(try complaint([put(1, .unknown("late"))], end: []) == nil)
    }

    @Test("what was acknowledged and is gone is a complaint")
    func lost() throws {
        #expect(try complaint([put(1)], end: []) != nil)
        #expect(try complaint([put(1), put(2)], end: [2]) != nil, "2 had not seen it")
        #expect(try complaint([put(1), put(2, seeing: [1], .refused("no"))], end: [2]) != nil)
        #expect(try complaint([put(1), delete(2, seeing: [0])], end: []) != nil, "the delete was of something else")
        #expect(try complaint([delete(1), put(2)], end: []) != nil, "the delete was over")
    }

    @Test("a loss is permitted once as many machines lost something as were promised to have it")
    func permitted() throws {
        // W=2, DW=2.
        let writes = [put(1)]
        #expect(try complaint(writes, end: [], losses: [loss(0, synced: true)]) != nil)
        #expect(try complaint(writes, end: [], losses: [loss(0, synced: true), loss(1, synced: false)]) != nil)
        #expect(try complaint(writes, end: [], losses: [loss(0, synced: true), loss(1, synced: true)]) == nil)
        var careless = put(1)
        careless.dw = .count(0)
        #expect(try complaint([careless], end: [], losses: [loss(0, synced: false), loss(1, synced: false)]) == nil)
        let early = [KeyLedger.Loss(time: 50, place: 0, includesSynced: true), loss(1, synced: true)]
        #expect(try complaint(writes, end: [], losses: early) != nil, "a loss before the write excuses nothing")
    }

    @Test("what somebody had superseded or deleted does not come back")
    func returned() throws {
        #expect(try complaint([put(1), put(2, seeing: [1])], end: [1, 2]) != nil)
        #expect(try complaint([put(1), delete(2, seeing: [1])], end: [1]) != nil)
        #expect(try complaint([put(1), delete(2, seeing: [1], .unknown("late"))], end: [1]) == nil)
    }

    @Test("nothing is there that nobody put, or that was refused")
    func invented() throws {
        #expect(try complaint([put(1)], end: [1, 7]) != nil)
        #expect(try complaint([put(1), put(2, .refused("no"))], end: [1, 2]) != nil)
    }
}
