import Node

/// The links that come and go.
extension VirtualCluster {
    func planReconnect(_ one: Int, _ other: Int) {
        guard network.planReconnect(one, other) else { return }
        plan(.reconnect(one, other), after: generator.milliseconds(5...400))
    }

    func onReconnect(_ one: Int, _ other: Int) {
        network.endReconnect(one, other)
        guard machines[one].process != nil, machines[other].process != nil else { return }
        guard !network.isBlocked(from: one, to: other), !network.isBlocked(from: other, to: one) else {
            planReconnect(one, other)
            return
        }
        network.connect(one, other)
        for (node, peer) in [(one, other), (other, one)] {
            guard let process = machines[node].process else { continue }
            let bit = UInt64(1) << UInt64(peer)
            if process.linked & bit != 0 { hand(.linkDown(layout.members[peer]), to: node) }
            process.linked |= bit
            note("\(name(node)): link to \(name(peer)) is up")
            hand(.linkUp(layout.members[peer]), to: node)
        }
    }

    func planLinkLost(at node: Int, to peer: Int, _ delay: UInt64) {
        plan(.linkLost(at: node, to: peer, connection: network.connection(node, peer)), after: delay)
    }

    func onLinkLost(at node: Int, to peer: Int, connection: Int) {
        guard let process = machines[node].process, network.connection(node, peer) == connection else { return }
        let bit = UInt64(1) << UInt64(peer)
        guard process.linked & bit != 0 else { return }
        process.linked &= ~bit
        note("\(name(node)): link to \(name(peer)) is down")
        hand(.linkDown(layout.members[peer]), to: node)
        if machines[peer].process != nil { planReconnect(node, peer) }
    }
}
