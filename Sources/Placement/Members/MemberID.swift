/// Which node, for as long as the cluster lives: names and addresses may change.
public struct MemberID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The id of a member that a cluster is founded with: the first 8 bytes of an MD5 of both names, so that all
    /// founders agree on all ids without talking.
    public static func founding(cluster: String, name: String) -> MemberID {
        MemberID(rawValue: ObjectKey(type: "rotor member", bucket: cluster, key: name).hash128.high)
    }

    /// Reads what ``description`` writes.
    /// - Throws: ``PlacementError/memberID(_:)`` if it is not 16 hexadecimal digits.
    public init(hexadecimal text: String) throws(PlacementError) {
        guard text.utf8.count == 16, text.allSatisfy(\.isHexDigit), let value = UInt64(text, radix: 16) else {
            throw .memberID(text)
        }
        self.rawValue = value
    }

    public static func < (left: MemberID, right: MemberID) -> Bool { left.rawValue < right.rawValue }

    /// 16 lower-case hexadecimal digits.
    public var description: String { rawValue.hexadecimal }
}
