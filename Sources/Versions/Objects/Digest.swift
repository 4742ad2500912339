extension VersionedObject {
    /// The same for equal objects on all nodes, and as good as never for different ones: what anti-entropy compares
    /// (Dynamo §4.7).
    ///
    /// It is of the vector and the siblings' dots alone: a dot names one write, so equal dots have equal contents, and
    /// two objects with the same of both are what a merge can make them.
    public var digest: UInt64 {
        var hash = SipHash(key: .digests)
        hash.append(UInt64(vector.entries.count))
        for entry in vector.entries {
            hash.append(entry.actor)
            hash.append(entry.counter)
            hash.append(UInt64(entry.updated))
        }
        hash.append(UInt64(siblings.count))
        for sibling in siblings {
            hash.append(sibling.dot.actor)
            hash.append(sibling.dot.counter)
        }
        return hash.finish()
    }
}

extension ContextKey {
    /// Digests have to be the same on all nodes; they protect nothing.
    fileprivate static let digests = ContextKey(0x726f_746f_7220_6469, 0x6765_7374_7320_7631)
}

extension SipHash {
    fileprivate mutating func append(_ actor: Actor) {
        append(actor.node)
        append(actor.incarnation)
        append(actor.birth)
    }
}
