import FoundationEssentials
import NIOCore
import NIOHTTP1
import Node
import Placement
import RiakWire

/// `/`: what there is, under the names by which Riak clients find it, and what Riak has not.
enum RootResource {
    private static let resources = [
        ("riak_kv_wm_bucket_type", "/types"), ("riak_kv_wm_buckets", "/buckets"), ("riak_kv_wm_object", "/buckets"),
        ("riak_kv_wm_ping", "/ping"), ("riak_kv_wm_preflist", "/buckets"), ("riak_kv_wm_stats", "/stats"),
        ("rotor_metrics", "/metrics"), ("rotor_live", "/health/live"), ("rotor_ready", "/health/ready"),
    ]

    static func reply(_ request: RequestHeaders) -> HTTPReply {
        let accept = AcceptHeader(request.accept)
        let json = accept.quality(of: "application/json")
        let html = accept.quality(of: "text/html")
        guard json > 0 || html > 0 else {
            return HTTPRefusal(
                status: .notAcceptable, line: "Accept excludes what there is: text/html or application/json"
            ).reply
        }
        let links = resources.map { "<\($0.1)>; rel=\"\($0.0)\"" }.joined(separator: ", ")
        let type = json > html ? "application/json" : "text/html"
        return HTTPReply(
            .ok, headers: ["Content-Type": type, "Link": links],
            body: ByteBuffer(string: json > html ? object : page))
    }

    private static let object =
        "{" + resources.map { "\"\($0.0)\":\"\($0.1)\"" }.joined(separator: ",") + "}"

    private static let page =
        "<html><body><ul>"
        + resources.map { "<li><a href=\"\($0.1)\">\($0.0)</a></li>" }.joined() + "</ul></body></html>"
}

/// `/stats`: what of the node's status Riak has names for, flat, and the whole of it as `rotor`.
enum StatsResource {
    static func reply(_ status: NodeStatus) -> HTTPReply {
        .json(Statistics(status: status))
    }

    /// By the counters' names here. Riak's names without `_total` are those of the last minute, which is not kept.
    static let counterNames = [
        ("gets", "node_gets_total"), ("puts", "node_puts_total"), ("read_repairs", "read_repairs_total"),
    ]

    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) {
            self.stringValue = stringValue
        }

        init?(intValue: Int) {
            return nil
        }
    }

    private struct Statistics: Encodable {
        var status: NodeStatus

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Name.self)
            func put(_ name: String, _ value: some Encodable) throws {
                try container.encode(value, forKey: Name(stringValue: name))
            }
            // Clients switch features off below 2.1.2.
            try put("riak_kv_version", "3.0.16")
            try put("nodename", status.node)
            try put("ring_num_partitions", status.partitions)
            try put("ring_members", status.peers.map(\.name))
            try put("connected_nodes", status.peers.filter { $0.linked && $0.name != status.node }.map(\.name))
            for (counter, name) in StatsResource.counterNames { try put(name, status.counters[counter, default: 0]) }
            try put("rotor", status)
        }
    }
}

/// `…/preflist`: where an object lives.
enum LocationResource {
    static func reply(_ node: any NodeService, _ key: ObjectKey) -> HTTPReply {
        do throws(RequestFailure) {
            return .json(PreferenceList(try node.location(of: key)))
        } catch {
            return HTTPRefusal(error, isRead: true).reply
        }
    }

    /// Riak's shape, and with it what Riak does not tell.
    private struct PreferenceList: Encodable {
        struct Item: Encodable {
            var partition: Int
            var node: String
            var primary: Bool
            var address: String
            var zone: String
            var slot: Int?
            var reachable: Bool
        }

        var preflist: [Item]
        var hash: String
        var partition: Int
        var partitions: Int
        var n: Int

        init(_ location: ObjectLocation) {
            hash = location.hash
            partition = location.partition
            partitions = location.partitions
            n = location.n
            preflist = location.preferenceList.map { place in
                Item(
                    partition: location.partition, node: place.node, primary: place.slot != nil,
                    address: place.address, zone: place.zone, slot: place.slot, reachable: place.reachable)
            }
        }
    }
}

extension HTTPReply {
    /// With sorted names, so that equal values give equal bytes.
    fileprivate static func json(_ value: some Encodable) -> HTTPReply {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            let data = try encoder.encode(value)
            return HTTPReply(.ok, headers: ["Content-Type": "application/json"], body: ByteBuffer(bytes: data))
        } catch {
            return HTTPRefusal(
                status: .internalServerError, line: "Error: the answer cannot be written as JSON: \(error)",
                kind: .unavailable
            ).reply
        }
    }
}
