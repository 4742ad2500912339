import NIOCore
import Node
import Versions

extension VirtualClient {
    /// What the client does next.
    mutating func nextOperation(
        _ layout: ClusterLayout, number: Int, at time: UInt64, _ generator: inout SeededGenerator
    ) -> Operation {
        let plan = layout.workload
        let keys = layout.workingKeys
        let drawn = keys[
            plan.isHot
                ? min(generator.below(keys), generator.below(keys), generator.below(keys))
                : generator.below(keys)]
        let key = inHand ?? drawn
        if generator.chance(plan.wanderPermille) { home = generator.below(layout.members.count) }
        var operation = Operation(
            number: number, client: self.number, key: key, node: home, kind: .get, invoked: time,
            timeoutMilliseconds: generator.pick([300, 1000, 1000, 3000]))
        let seen = sighting(of: key, stalePermille: plan.stalePermille, &generator)
        let draw = generator.below(100)
        switch layout.keys[key].usage {
        case .cart, .counter:
            if inHand != nil { writeBack(&operation, layout.keys[key].usage, seen) }
        case .blind:
            if draw >= 25 { put(&operation, draw < 85 ? nil : seen) }
        case .deletions:
            if draw >= 65 {
                delete(&operation, draw < 90 ? seen : nil)
            } else if draw >= 30 {
                put(&operation, draw < 50 ? seen : nil)
            }
        case .conditional:
            if draw >= 90 {
                delete(&operation, seen)
            } else if draw >= 30 {
                put(&operation, draw < 75 ? seen : nil)
                operation.condition = operation.context == nil ? .absent : .unchanged
            }
        case .anything, .probe:
            if draw >= 80 {
                delete(&operation, draw < 94 ? seen : nil)
            } else if draw >= 35 {
                put(&operation, draw < 65 ? seen : nil)
            }
        }
        inHand = nil
        if generator.chance(400) { chooseQuorums(&operation, n: layout.keys[key].holders.count, &generator) }
        return operation
    }

    private func put(_ operation: inout Operation, _ sighting: Sighting?) {
        operation.kind = .put
        operation.value = [UInt32(operation.number)]
        guard let sighting else { return }
        operation.know(sighting)
    }

    private mutating func writeBack(_ operation: inout Operation, _ usage: KeyUsage, _ sighting: Sighting?) {
        put(&operation, sighting)
        var items = sighting?.items ?? []
        if usage == .counter {
            counted[operation.key] += 1
            ApplicationValue.raise(&items, of: UInt32(number), to: counted[operation.key])
        }
        operation.value += items
    }

    private func delete(_ operation: inout Operation, _ sighting: Sighting?) {
        operation.kind = .delete
        guard let sighting, sighting.context != nil else { return }
        operation.know(sighting)
    }

    private func chooseQuorums(_ operation: inout Operation, n: Int, _ generator: inout SeededGenerator) {
        let quorums: [Quorum?] = [nil, nil, .one, .quorum, .all, .count(generator.within(1...n))]
        operation.r = generator.pick(quorums)
        operation.w = generator.pick(quorums)
        operation.pr = generator.chance(200) ? generator.pick(quorums) : nil
        operation.pw = generator.chance(200) ? generator.pick(quorums) : nil
        operation.dw = generator.chance(300) ? generator.pick([.count(0)] + quorums) : nil
        operation.notFoundOK = generator.chance(300) ? generator.chance(500) : nil
        operation.basicQuorum = generator.chance(300) ? generator.chance(500) : nil
    }
}

extension SeededGenerator {
    fileprivate mutating func below(_ elements: [Int]) -> Int { below(elements.count) }
}

extension Operation {
    /// The client acts on what it saw.
    mutating func know(_ sighting: VirtualClient.Sighting) {
        context = sighting.context
        seen = sighting.shown
        seenWrites = sighting.writes
    }

    func request(_ layout: ClusterLayout, returnBody: Bool) -> ClientRequest {
        let key = layout.keys[key].key
        switch kind {
        case .get:
            var get = GetRequest(key: key)
            get.r = r
            get.pr = pr
            get.basicQuorum = basicQuorum
            get.notFoundOK = notFoundOK
            get.timeoutMilliseconds = timeoutMilliseconds
            return .get(get)
        case .put:
            var put = PutRequest(key: key, content: Content(value: ApplicationValue.encode(value)), context: context)
            switch condition {
            case nil: break
            case .absent: put.condition = .absent
            case .unchanged: put.condition = context.map { .unchanged(since: $0) }
            }
            put.r = r
            put.pr = pr
            put.w = w
            put.pw = pw
            put.dw = dw
            put.returnBody = returnBody
            put.timeoutMilliseconds = timeoutMilliseconds
            return .put(put)
        case .delete:
            var delete = DeleteRequest(key: key, context: context)
            delete.r = r
            delete.pr = pr
            delete.w = w
            delete.pw = pw
            delete.dw = dw
            delete.timeoutMilliseconds = timeoutMilliseconds
            return .delete(delete)
        }
    }
}
