import NIOCore
import Node
import Versions

extension VirtualClient {
    /// What the client does next, as an operation that has no number yet.
    mutating func nextOperation(
        _ layout: ClusterLayout, number: Int, at time: UInt64, _ generator: inout SeededGenerator
    ) -> Operation {
        let keys = layout.keys.indices.filter { layout.keys[$0].usage != .probe }
        // The first keys are the hottest.
        let key = cartInHand ?? keys[min(generator.below(keys.count), generator.below(keys.count))]
        if generator.chance(250) { home = generator.below(layout.members.count) }
        var operation = Operation(
            number: number, client: self.number, key: key, node: home, kind: .get, invoked: time,
            timeoutMilliseconds: generator.pick([300, 1000, 1000, 3000]))
        switch layout.keys[key].usage {
        case .cart:
            if cartInHand != nil {
                cartInHand = nil
                put(&operation, sighting(of: key, &generator))
            }
        case .anything, .probe:
            chooseAnything(&operation, &generator)
        }
        if generator.chance(400) { chooseQuorums(&operation, n: layout.keys[key].holders.count, &generator) }
        return operation
    }

    private func put(_ operation: inout Operation, _ sighting: Sighting?) {
        operation.kind = .put
        operation.value = [UInt32(operation.number)]
        guard let sighting else { return }
        operation.context = sighting.context
        operation.seen = sighting.shown
        operation.value += sighting.items
    }

    private func chooseAnything(_ operation: inout Operation, _ generator: inout SeededGenerator) {
        switch generator.below(100) {
        case ..<35: break
        case ..<65:
            put(&operation, sighting(of: operation.key, &generator))
            operation.value = [UInt32(operation.number)]
        case ..<80: put(&operation, nil)
        default:
            operation.kind = .delete
            guard generator.chance(700), let sighting = sighting(of: operation.key, &generator),
                let context = sighting.context
            else { return }
            operation.context = context
            operation.seen = sighting.shown
        }
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

extension Operation {
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
            var put = PutRequest(key: key, content: Content(value: CartValue.encode(value)), context: context)
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
