extension Sibling {
    /// Short text that is the same for the same version everywhere, and different for different ones: for ETags.
    public var tag: String {
        var hash = SipHash(key: .tags)
        hash.append(dot)
        return base62(hash.finish())
    }
}

extension VersionedObject {
    /// The same for the same set of siblings; that of the sibling if there is one only.
    public var tag: String {
        var hash = SipHash(key: .tags)
        for sibling in siblings { hash.append(sibling.dot) }
        return base62(hash.finish())
    }
}

extension ContextKey {
    /// Tags have to be stable over nodes, clusters and versions of Rotor; they protect nothing.
    fileprivate static let tags = ContextKey(0x726f_746f_7220_7461, 0x6773_2076_6572_7331)
}

extension SipHash {
    fileprivate mutating func append(_ dot: Dot) {
        append(dot.actor.node)
        append(dot.actor.incarnation)
        append(dot.actor.birth)
        append(dot.counter)
    }
}

private let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

/// Eleven digits hold every 64-bit number.
private func base62(_ number: UInt64) -> String {
    var rest = number
    return String(unsafeUninitializedCapacity: 11) { text in
        for position in (0..<11).reversed() {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 62)
            text[position] = digits[Int(digit)]
            rest = quotient
        }
        return 11
    }
}
