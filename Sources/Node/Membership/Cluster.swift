import NIOCore
public import Placement

/// Tells clusters apart: every handshake carries it, so two clusters never merge.
public struct ClusterID: Hashable, Sendable, CustomStringConvertible {
    public var hash: KeyHash

    public init(hash: KeyHash) {
        self.hash = hash
    }

    public var description: String { "\(hash)" }
}

/// What a cluster is founded with. All founders read the same, so they agree without talking.
public struct Founding: Sendable {
    public struct Founder: Hashable, Sendable {
        public var name: String
        /// `host:port` of its cluster listener.
        public var address: String
        public var zone: String
        public var weight: Double

        public init(name: String, address: String, zone: String, weight: Double) {
            self.name = name
            self.address = address
            self.zone = zone
            self.weight = weight
        }
    }

    public let name: String
    public let partitioning: Partitioning
    public let n: Int
    /// Sorted by name.
    public let founders: [Founder]
    public let members: [Member]

    public init(name: String, partitioning: Partitioning, n: Int, founders: [Founder]) throws(FoundingError) {
        guard n >= 1 else { throw .replicas(n) }
        guard !founders.isEmpty else { throw .noMembers }
        self.name = name
        self.partitioning = partitioning
        self.n = n
        self.founders = founders.sorted { $0.name < $1.name }
        var members: [Member] = []
        for founder in self.founders {
            let id = MemberID.founding(cluster: name, name: founder.name)
            if let other = members.first(where: { $0.id == id }) { throw .sameMember(other.name, founder.name) }
            do throws(PlacementError) {
                members.append(try Member(id: id, name: founder.name, zone: founder.zone, weight: founder.weight))
            } catch {
                throw .member(error)
            }
        }
        self.members = members
    }

    /// A hash of name, partitions, N and members.
    public var clusterID: ClusterID {
        var bytes = ByteBuffer()
        func write(_ text: String) {
            bytes.writeInteger(UInt32(text.utf8.count))
            bytes.writeString(text)
        }
        write("rotor cluster 1")
        write(name)
        bytes.writeInteger(UInt32(partitioning.count))
        bytes.writeInteger(UInt32(n))
        for founder in founders {
            write(founder.name)
            write(founder.address)
            write(founder.zone)
            bytes.writeInteger(founder.weight.bitPattern)
        }
        return ClusterID(hash: KeyHash(hashing: bytes))
    }

    /// Who holds what at the founding: the target itself.
    public var map: ClusterMap {
        let target = EqualPartitionsStrategy().target(
            members: members, partitioning: partitioning, replicas: n, previous: nil)
        return ClusterMap(partitioning: partitioning, table: target.table, replicas: n)
    }
}

/// Why a cluster cannot be founded so.
public enum FoundingError: Error, Equatable, Sendable, CustomStringConvertible {
    case noMembers
    case replicas(Int)
    case sameMember(String, String)
    case member(PlacementError)

    public var description: String {
        switch self {
        case .noMembers: "a cluster is founded with at least one member"
        case .replicas(let n): "n is \(n): at least 1 replica is needed"
        case .sameMember(let one, let other): "members '\(one)' and '\(other)' would be the same: name each differently"
        case .member(let error): "\(error)"
        }
    }
}
