import Foundation
import Server
import Testing

@Suite("A bad configuration is refused with its place and what is allowed")
struct ConfigurationRefusalTests {
    private let fixture: ConfigurationFixture

    init() throws {
        fixture = try ConfigurationFixture()
    }

    /// Each text with the one line that refuses it.
    private func expectRefusals(_ cases: [(yaml: String, line: String)]) throws {
        for (yaml, line) in cases {
            #expect(try fixture.problems(yaml) == ["etc/shop.yaml:\(line)"], "\(yaml)")
        }
    }

    @Test("entries that do not exist")
    func unknownEntries() throws {
        try expectRefusals([
            (
                "nodes: { name: a }",
                "1: nodes: there is no such entry; allowed: node, listen, cluster, stores, bucket_types, log, insecure"
            ),
            ("node:\n  nmae: a", "2: node.nmae: there is no such entry; allowed: name, data, zone, weight"),
            (
                "cluster:\n  members:\n    - { name: rotor, address: \"a:1\", rack: r }",
                "3: cluster.members.1.rack: there is no such entry; allowed: name, address, zone, weight"
            ),
            (
                "stores:\n  default: { engin: lmdb }",
                "2: stores.default.engin: there is no such entry; allowed: engine, write_path, buffer_objects,"
                    + " buffer_bytes, log_bytes"
            ),
            (
                "bucket_types: { a: { nval: 3 } }",
                "1: bucket_types.a.nval: there is no such entry; allowed: store, n, r, w, pr, pw, dw, notfound_ok,"
                    + " basic_quorum, allow_mult, last_write_wins, max_object_bytes, max_siblings, vector_limit"
            ),
        ])
    }

    @Test("values that are not allowed")
    func badValues() throws {
        let name = "1 to 64 letters, digits, `.`, `_` or `-`"
        let listener = "HOST:PORT, e.g. 127.0.0.1:8098 or [::1]:8098; port 0 takes any free one"
        let levels = "trace, debug, info, notice, warning, error, critical"
        try expectRefusals([
            ("node: { name: a b }", "1: node.name: `a b` is not allowed; allowed: \(name)"),
            ("node: { name: '' }", "1: node.name: `` is not allowed; allowed: \(name)"),
            ("node: { data: '' }", "1: node.data: `` is not allowed; allowed: a folder's path"),
            (
                "node: { zone: '' }",
                "1: node.zone: `` is not allowed; allowed: 1 to 64 characters without control characters"
            ),
            ("node: { weight: 0 }", "1: node.weight: `0` is not allowed; allowed: a number from 0.001 to 1000.0"),
            (
                "node: { weight: 5000 }",
                "1: node.weight: `5000` is not allowed; allowed: a number from 0.001 to 1000.0"
            ),
            (
                "node: { weight: 0.0009 }",
                "1: node.weight: `0.0009` is not allowed; allowed: a number from 0.001 to 1000.0"
            ),
            (
                "node: { weight: heavy }",
                "1: node.weight: `heavy` is not allowed; allowed: a number from 0.001 to 1000.0"
            ),
            ("node: { weight: inf }", "1: node.weight: `inf` is not allowed; allowed: a number from 0.001 to 1000.0"),
            ("listen: { http: 8098 }", "1: listen.http: `8098` is not allowed; allowed: \(listener)"),
            (
                "listen:\n  pbc: 127.0.0.1:99999",
                "2: listen.pbc: `127.0.0.1:99999` is not allowed; allowed: \(listener)"
            ),
            ("cluster: { name: a/b }", "1: cluster.name: `a/b` is not allowed; allowed: \(name)"),
            (
                "cluster: { partitions: 100 }",
                "1: cluster.partitions: `100` is not allowed; allowed: a power of two from 1 to 65536"
            ),
            (
                "cluster: { partitions: 131072 }",
                "1: cluster.partitions: `131072` is not allowed; allowed: a power of two from 1 to 65536"
            ),
            ("cluster: { n: 0 }", "1: cluster.n: `0` is not allowed; allowed: a whole number from 1 to 16"),
            (
                "cluster: { secret: hush }",
                "1: cluster.secret: what is given is not allowed; allowed: 16 to 256 bytes without control characters,"
                    + " the same on all nodes"
            ),
            ("cluster: { n: 2.5 }", "1: cluster.n: `2.5` is not allowed; allowed: a whole number from 1 to 16"),
            (
                "cluster: { seeds: ['a:1', 'b:0'] }",
                "1: cluster.seeds: `b:0` is not allowed; allowed: HOST:PORT with a port from 1 to 65535"
            ),
            (
                "stores:\n  default:\n    engine: rocks",
                "3: stores.default.engine: `rocks` is not allowed; allowed: lmdb, bdb, sqlite, memory"
            ),
            ("log: { level: loud }", "1: log.level: `loud` is not allowed; allowed: \(levels)"),
            ("log: { format: xml }", "1: log.format: `xml` is not allowed; allowed: text, json"),
            (
                "log: { slow_request_ms: fast }",
                "1: log.slow_request_ms: `fast` is not allowed; allowed: a whole number from 0 to 3600000"
            ),
            (
                "log: { slow_request_ms: -1 }",
                "1: log.slow_request_ms: `-1` is not allowed; allowed: a whole number from 0 to 3600000"
            ),
            ("insecure: maybe", "1: insecure: `maybe` is not allowed; allowed: true, false"),
        ])
    }

    @Test("W, R and their relatives beyond n, and n beyond the cluster's")
    func quorums() throws {
        for field in ["r", "w", "pr", "pw", "dw"] {
            let least = ["r", "w"].contains(field) ? 1 : 0
            for bad in ["4", "-1", "most"] + (least == 1 ? ["0"] : []) {
                try expectRefusals([
                    (
                        "bucket_types: { cart: { \(field): \(bad) } }",
                        "1: bucket_types.cart.\(field): `\(bad)` is not allowed; allowed: a whole number from \(least)"
                            + " to 3, which is n; one, quorum, all, default"
                    )
                ])
            }
        }
        try expectRefusals([
            (
                "bucket_types: { cart: { n: 2, w: 3 } }",
                "1: bucket_types.cart.w: `3` is not allowed; allowed: a whole number from 1 to 2, which is n; one,"
                    + " quorum, all, default"
            ),
            (
                "cluster: { n: 5 }\nbucket_types: { cart: { n: 6 } }",
                "2: bucket_types.cart.n: `6` is not allowed; allowed: a whole number from 1 to 5, which is cluster.n"
            ),
            (
                "bucket_types: { cart: { notfound_ok: yes } }",
                "1: bucket_types.cart.notfound_ok: `yes` is not allowed; allowed: true, false"
            ),
            (
                "bucket_types:\n  cart:\n    last_write_wins: true\n    allow_mult: true",
                "4: bucket_types.cart.allow_mult: it is true, and last_write_wins too; only one can be"
            ),
        ])
    }

    @Test("stores that are not there")
    func stores() throws {
        try expectRefusals([
            (
                "bucket_types: { cart: { store: big } }",
                "1: bucket_types.cart.store: there is no store `big`; allowed: default"
            ),
            (
                "stores: { default: , large: { engine: bdb } }",
                "1: stores.default: `engine` is missing; allowed: lmdb, bdb, sqlite, memory"
            ),
            (
                "stores: { 'a b': { engine: bdb }, default: { engine: bdb } }",
                "1: stores.a b: the name is not allowed; allowed: 1 to 64 letters, digits, `.`, `_` or `-`"
            ),
            (
                "stores: { default: { engine: bdb }, hints: { engine: bdb } }",
                "1: stores.hints: the name is taken by the node's own store of hints"
            ),
        ])
        #expect(
            try fixture.problems("stores: { big: { engine: bdb } }\nbucket_types:\n  cart: { store: big }") == [
                "default: bucket_types.default: `store` is missing, and there is no store `default`; allowed: big"
            ])
    }

    @Test("members that cannot found a cluster together")
    func members() throws {
        func members(_ lines: String...) -> String {
            "node: { name: a }\ncluster:\n  members:\n" + lines.map { "    - \($0)\n" }.joined()
        }
        let a = "{ name: a, address: 'h:1' }"
        try expectRefusals([
            (
                members(a, "{ name: a, address: 'h:2' }"),
                "5: cluster.members.2.name: `a` is the name of an earlier member; names differ"
            ),
            (
                members(a, "{ name: b, address: 'h:1' }"),
                "5: cluster.members.2.address: `h:1` is the address of an earlier member; addresses differ"
            ),
            (members(a, "{ address: 'h:2' }"), "5: cluster.members.2: `name` is missing"),
            (members(a, "{ name: b }"), "5: cluster.members.2: `address` is missing"),
            (members(a, "b"), "5: cluster.members.2: a map with name, address, zone, weight belongs here"),
            (members(a, "{ name: b, address: [h] }"), "5: cluster.members.2.address: a single value belongs here"),
            (
                members(a, "{ name: b, address: 'h:0' }"),
                "5: cluster.members.2.address: `h:0` is not allowed; allowed: HOST:PORT with a port from 1 to 65535"
            ),
            (
                members(a, "{ name: b, address: 'h:2', weight: -1 }"),
                "5: cluster.members.2.weight: `-1` is not allowed; allowed: a number from 0.001 to 1000.0"
            ),
            (members("{ name: b, address: 'h:2' }"), "1: node.name: `a` is not among cluster.members; allowed: b"),
            (
                "cluster: { members: a }",
                "1: cluster.members: a list of maps with name, address, zone, weight belongs here"
            ),
        ])
    }

    @Test("listeners that anyone could reach, and two on one address")
    func listeners() throws {
        let reason =
            "is not on loopback and there is no TLS yet: anyone who reaches it could read and write; use a"
            + " loopback address, or accept that with `insecure: true`"
        try expectRefusals([
            ("listen: { http: 0.0.0.0:8098 }", "1: listen.http: 0.0.0.0:8098 \(reason)"),
            ("listen:\n  cluster: '[::]:8099'", "2: listen.cluster: [::]:8099 \(reason)"),
            ("insecure: false\nlisten: { pbc: 10.0.0.7:1 }", "2: listen.pbc: 10.0.0.7:1 \(reason)"),
            (
                "listen: { http: 127.0.0.1:8098, cluster: 127.0.0.1:8098 }",
                "1: listen.cluster: 127.0.0.1:8098 is taken by listen.http; give it a port of its own"
            ),
        ])
    }

    @Test("a value of the wrong shape, or none")
    func shapes() throws {
        try expectRefusals([
            (
                "- a",
                "1: a map with node, listen, cluster, stores, bucket_types, log, insecure belongs here"
            ),
            ("node: a", "1: node: a map with name, data, zone, weight belongs here"),
            ("node:\n  name: [a]", "2: node.name: a single value belongs here"),
            ("node: { name: }", "1: node.name: it has no value; give it one or leave the entry out"),
            ("node: { name: ~ }", "1: node.name: it has no value; give it one or leave the entry out"),
            ("stores: [lmdb]", "1: stores: a map from names to maps belongs here"),
            ("cluster: { seeds: { a: 1 } }", "1: cluster.seeds: a list of texts belongs here"),
            ("cluster: { seeds: [[a]] }", "1: cluster.seeds: each item is a text"),
        ])
    }

    @Test("what is no YAML, with the line where it stops being it")
    func syntax() throws {
        for (yaml, line, part) in [
            ("node: { name: a\ncluster: b", 2, "it is not YAML"), ("a: b: c", 1, "it is not YAML"),
            ("node:\n\t- a", 2, "it is not YAML"), ("node: *other", 1, "undefined alias"),
            ("log:\n  level: info\n  level: debug", 2, "written twice in one map: level; keep one"),
            ("? [a, b]\n: c", 1, "an entry's name is a text"), ("a: 1\n---\nb: 2", 2, "it is not YAML"),
            ("node:\n  name: \u{1}", 2, "it is not YAML"),
        ] {
            let problems = try fixture.problems(yaml)
            #expect(problems.count == 1, "\(yaml): \(problems)")
            #expect(problems[0].hasPrefix("etc/shop.yaml:\(line): ") && problems[0].contains(part), "\(problems)")
            #expect(!problems[0].contains("\n"), "one line each: \(problems)")
        }
    }

    @Test("a file that is not there, is a folder, or is no text")
    func files() throws {
        func problem(_ file: String) -> String {
            do {
                _ = try RotorConfiguration.read(file: file, flags: [], environment: [:], workingFolder: fixture.folder)
                return "accepted"
            } catch {
                return error.description
            }
        }
        #expect(problem("none.yaml") == "none.yaml: there is no such file")
        #expect(problem("etc").hasPrefix("etc: it cannot be read"))
        try Data([0xff, 0xfe, 0x00]).write(to: URL(fileURLWithPath: fixture.folder + "/binary.yaml"))
        #expect(problem("binary.yaml") == "binary.yaml: it is not UTF-8 text; a configuration is a YAML file")
    }

    @Test("flags and variables are refused under their own names")
    func flagsAndEnvironment() throws {
        #expect(
            try fixture.problems("node: { weight: 2 }", flags: ["--node-weight", "0"]) == [
                "--node-weight: node.weight: `0` is not allowed; allowed: a number from 0.001 to 1000.0"
            ])
        #expect(
            try fixture.problems(nil, environment: ["ROTOR_STORES_DEFAULT_ENGINE": "rocks"]) == [
                "ROTOR_STORES_DEFAULT_ENGINE: stores.default.engine: `rocks` is not allowed; allowed: lmdb, bdb,"
                    + " sqlite, memory"
            ])
        let unknown = try fixture.problems(nil, flags: ["--node-nmae", "a"])
        #expect(unknown.count == 1, "\(unknown)")
        #expect(unknown[0].hasPrefix("--node-nmae: there is no such flag; allowed: --node-name, --node-data, "))
        #expect(try fixture.problems(nil, flags: ["--node-name"]) == ["--node-name: a value is missing after it"])
        #expect(
            try fixture.problems(nil, flags: ["--node-name", "--log-level=info"]) == [
                "--node-name: a value is missing after it"
            ])
        #expect(
            try fixture.problems(nil, flags: ["--node-name=a", "--node-name=b"]) == [
                "--node-name: it is given twice; keep one"
            ])
        #expect(
            try fixture.problems(nil, flags: ["--stores-a b-engine=lmdb"]) == [
                "--stores-a b-engine: stores.a b: the name is not allowed; allowed: 1 to 64 letters, digits, `.`, `_`"
                    + " or `-`"
            ])
    }

    @Test("everything wrong is said at once, a line each")
    func allAtOnce() throws {
        let problems = try fixture.problems(
            "node: { nmae: a }\ncluster: { n: 99 }\nbucket_types: { default: { w: 7 } }", flags: ["--log-level=loud"])
        #expect(problems.count == 4, "\(problems)")
    }

    @Test("no text at all makes it trap")
    func anyText() throws {
        let pieces = [
            "node", "name", ":", " ", "\n", "  ", "{", "}", "[", "]", "-", "&a", "*a", "!!int", "\"", "'", "|", ">",
            "#", "%",
            "stores", "members", "cluster", ",", "? ", "<<", "\t", "\u{0}", "é", "1", "~", "...", "---",
        ]
        var generator = SplitMix64(seed: 7)
        let shop = Array(ConfigurationTests.shop)
        for round in 0..<400 {
            var yaml = (0..<Int.random(in: 1...14, using: &generator))
                .map { _ in pieces[Int.random(in: 0..<pieces.count, using: &generator)] }.joined()
            if round.isMultiple(of: 2) {
                // The same in the midst of a good file.
                let cut = Int.random(in: 0...shop.count, using: &generator)
                let length = Int.random(in: 0...min(8, shop.count - cut), using: &generator)
                yaml = String(shop[..<cut]) + yaml + String(shop[(cut + length)...])
            }
            let problems = try fixture.problems(yaml)
            #expect(problems.allSatisfy { !$0.isEmpty && !$0.contains("\n") }, "round \(round): \(yaml): \(problems)")
        }
    }
}

private struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
