import NIOCore
import Node
import Placement

/// What a data folder remembers of its cluster: which node it is, and what the cluster was founded with. The
/// configuration is read for this at the first start only.
struct FoundingRecord: Sendable {
    var node: String
    var founding: Founding

    private static let format: UInt8 = 1

    func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(Self.format)
        buffer.writeCounted(node)
        buffer.writeCounted(founding.name)
        buffer.writeInteger(UInt32(founding.partitioning.count))
        buffer.writeInteger(UInt32(founding.n))
        buffer.writeInteger(UInt32(founding.founders.count))
        for founder in founding.founders {
            buffer.writeCounted(founder.name)
            buffer.writeCounted(founder.address)
            buffer.writeCounted(founder.zone)
            buffer.writeInteger(founder.weight.bitPattern)
        }
        return buffer
    }

    init(node: String, founding: Founding) {
        self.node = node
        self.founding = founding
    }

    /// Reads what ``encoded()`` wrote at `path`.
    init(decoding bytes: ByteBuffer, path: String) throws(DataFolderError) {
        var buffer = bytes
        guard let format = buffer.readInteger(as: UInt8.self) else { throw .damaged(path: path, reason: "empty") }
        guard format == Self.format else {
            throw .foreign(path: path, detail: "format \(format), this program knows \(Self.format); use a newer rotor")
        }
        guard let node = buffer.readCountedText(), let name = buffer.readCountedText(),
            let partitions = buffer.readInteger(as: UInt32.self),
            let n = buffer.readInteger(as: UInt32.self),
            let count = buffer.readInteger(as: UInt32.self)
        else { throw .damaged(path: path, reason: "ends early") }
        var founders: [Founding.Founder] = []
        for _ in 0..<count {
            guard let name = buffer.readCountedText(), let address = buffer.readCountedText(),
                let zone = buffer.readCountedText(),
                let weight = buffer.readInteger(as: UInt64.self)
            else { throw .damaged(path: path, reason: "ends early") }
            founders.append(
                Founding.Founder(name: name, address: address, zone: zone, weight: Double(bitPattern: weight)))
        }
        guard buffer.readableBytes == 0 else { throw .damaged(path: path, reason: "goes on after its end") }
        do {
            founding = try Founding(
                name: name, partitioning: try Partitioning(count: Int(partitions)), n: Int(n), founders: founders)
        } catch {
            throw .damaged(path: path, reason: "\(error)")
        }
        self.node = node
    }

    /// What the configuration says otherwise than the founding, one line each. It has no effect.
    func differences(from asked: Founding) -> [String] {
        var lines: [String] = []
        func compare<Value: Equatable>(_ what: String, _ recorded: Value, _ asked: Value) {
            if recorded != asked { lines.append("\(what) is \(recorded) since the founding, not \(asked)") }
        }
        compare("cluster.partitions", founding.partitioning.count, asked.partitioning.count)
        compare("cluster.n", founding.n, asked.n)
        compare("the list of members", founding.founders.map(\.name), asked.founders.map(\.name))
        for founder in founding.founders {
            guard let other = asked.founders.first(where: { $0.name == founder.name }) else { continue }
            compare("the zone of \(founder.name)", founder.zone, other.zone)
            compare("the weight of \(founder.name)", founder.weight, other.weight)
        }
        return lines
    }
}
