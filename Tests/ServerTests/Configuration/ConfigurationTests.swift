import Engines
import Logging
import Node
import Server
import Testing
import Versions

@Suite("Configuration")
struct ConfigurationTests {
    private static let pbcWarning = "listen.pbc is not served yet: nothing listens on 127.0.0.1:8087"
    private static let seedsWarning =
        "cluster.seeds means nothing yet: the members are those that cluster.members names"
    static let shop = """
        node: { name: a, data: ./data/a, zone: rack-1, weight: 1.0 }
        listen: { http: 127.0.0.1:8098, pbc: 127.0.0.1:8087, cluster: 127.0.0.1:8099 }
        cluster:
          name: shop
          partitions: 64
          n: 3
          seeds: ["127.0.0.1:8099", "127.0.0.1:8199", "127.0.0.1:8299"]
          members:                                    # read at the first start only
            - { name: a, address: "127.0.0.1:8099", zone: rack-1, weight: 1.0 }
            - { name: b, address: "127.0.0.1:8199", zone: rack-2, weight: 2 }
            - { name: c, address: "127.0.0.1:8299" }
        stores: { default: { engine: bdb }, large: { engine: sqlite } }
        bucket_types:                                 # initial cluster metadata
          default: { store: default, r: quorum, w: quorum }
          catalogue: { store: large, n: 2, r: 1, w: all, pw: 1, dw: one, notfound_ok: false, basic_quorum: true }
          sessions: { last_write_wins: true, max_object_bytes: 1000, max_siblings: 7, vector_limit: 10 }
          plain: { allow_mult: false, w: default }
        log: { level: debug, format: json, slow_request_ms: 0 }
        """

    @Test("the whole file is read as it is written")
    func wholeFile() throws {
        let fixture = try ConfigurationFixture()
        let configuration = try fixture.read(Self.shop)
        #expect(configuration.node.name == "a")
        #expect(configuration.node.data == fixture.folder + "/etc/data/a")
        #expect(configuration.node.zone == "rack-1")
        #expect(configuration.listen.cluster == NetworkAddress(host: "127.0.0.1", port: 8099))
        #expect(configuration.cluster.name == "shop")
        #expect(configuration.cluster.partitions == 64)
        #expect(configuration.cluster.seeds.map(\.port) == [8099, 8199, 8299])
        #expect(configuration.cluster.beginning == .withMembers)
        #expect(
            configuration.cluster.members == [
                .init(name: "a", address: "127.0.0.1:8099", zone: "rack-1", weight: 1),
                .init(name: "b", address: "127.0.0.1:8199", zone: "rack-2", weight: 2),
                .init(name: "c", address: "127.0.0.1:8299", zone: "default", weight: 1),
            ])
        #expect(
            configuration.stores == [
                StoreConfiguration(name: "default", engine: .bdb), StoreConfiguration(name: "large", engine: .sqlite),
            ])
        #expect(configuration.bucketTypes.map(\.name) == ["catalogue", "default", "plain", "sessions"])
        let catalogue = configuration.bucketTypes[0]
        #expect(catalogue.store == "large" && catalogue.n == 2 && catalogue.r == .count(1) && catalogue.w == .all)
        #expect(catalogue.pw == .count(1) && catalogue.dw == .one && catalogue.pr == .count(0))
        #expect(!catalogue.notFoundOK && catalogue.basicQuorum && catalogue.policy == .siblings)
        #expect(configuration.bucketTypes[1].n == 3 && configuration.bucketTypes[1].r == .quorum)
        #expect(configuration.bucketTypes[2].policy == .lastWriteWins && configuration.bucketTypes[2].w == .quorum)
        #expect(configuration.bucketTypes[3].policy == .lastWriteWins)
        #expect(configuration.log.level == .debug && configuration.log.format == .json)
        #expect(configuration.log.slowRequestMilliseconds == 0)
        #expect(configuration.warnings == [Self.seedsWarning, Self.pbcWarning])
    }

    @Test("without a file a node is a cluster of its own on loopback, with its data in ./rotor-data")
    func defaults() throws {
        let fixture = try ConfigurationFixture()
        var expected = RotorConfiguration()
        expected.node.data = fixture.folder + "/rotor-data"
        for yaml in [nil, "", "# nothing\n", "---\n", "stores:\nbucket_types:\nnode:\ncluster: { members: }\n"] {
            #expect(try fixture.read(yaml) == expected, "\(yaml ?? "no file")")
        }
        #expect(expected.cluster.beginning == .alone)
        #expect(expected.stores == [StoreConfiguration(name: "default", engine: .lmdb)])
        #expect(expected.bucketTypes.map(\.name) == ["default"] && expected.bucketTypes[0].policy == .siblings)
        #expect(
            "\(expected.listen.http) \(expected.listen.pbc) \(expected.listen.cluster)"
                == "127.0.0.1:8098 127.0.0.1:8087 127.0.0.1:8099")
    }

    @Test("a flag wins over the environment, that over the file, that over the default")
    func precedence() throws {
        let fixture = try ConfigurationFixture()
        let environment = ["ROTOR_NODE_NAME": "b", "ROTOR_NODE_ZONE": "rack-2", "ROTOR_NODE_WEIGHT": "3"]
        let configuration = try fixture.read(
            "node: { name: a, zone: rack-1 }", flags: ["--node-name", "c", "--log-level=error"],
            environment: environment)
        #expect(configuration.node.name == "c")
        #expect(configuration.node.zone == "rack-2")
        #expect(configuration.node.weight == 3)
        #expect(configuration.log.level == .error)
        #expect(configuration.cluster.n == 3)
    }

    @Test("one file serves three nodes")
    func threeNodes() throws {
        let fixture = try ConfigurationFixture()
        for (index, (name, engine)) in [("a", EngineKind.lmdb), ("b", .bdb), ("c", .sqlite)].enumerated() {
            let port = 8099 + 100 * index
            let flags = [
                "--node-name", name, "--node-data", "data/\(name)", "--listen-cluster=127.0.0.1:\(port)",
                "--listen-http", "127.0.0.1:\(port - 1)", "--stores-default-engine", engine.rawValue,
            ]
            let environment = ["ROTOR_LISTEN_PBC": "127.0.0.1:\(port - 12)"]
            let yaml = Self.shop.replacing("node: { name: a, data: ./data/a, zone: rack-1, weight: 1.0 }", with: "")
            let configuration = try fixture.read(yaml, flags: flags, environment: environment)
            #expect(configuration.node.name == name)
            #expect(configuration.node.data == fixture.folder + "/data/\(name)")
            #expect(configuration.listen.cluster.port == port && configuration.listen.pbc.port == port - 12)
            #expect(configuration.stores[0].engine == engine && configuration.stores[1].engine == .sqlite)
            #expect(configuration.warnings.map { $0.prefix(10) } == ["cluster.se", "listen.pbc"])
        }
    }

    @Test("relative paths count from the file, those of flags and the environment from the working folder")
    func relativePaths() throws {
        let fixture = try ConfigurationFixture()
        #expect(try fixture.read("node: { data: ../data/./a }").node.data == fixture.folder + "/data/a")
        #expect(try fixture.read("node: { data: /srv/rotor/ }").node.data == "/srv/rotor")
        let flags = ["--node-data", "data/a"]
        #expect(try fixture.read("node: { data: x }", flags: flags).node.data == fixture.folder + "/data/a")
        let environment = ["ROTOR_NODE_DATA": "../b"]
        let above = fixture.folder.split(separator: "/").dropLast().joined(separator: "/")
        #expect(try fixture.read("node: { data: x }", environment: environment).node.data == "/\(above)/b")
    }

    @Test("stores are logged unless they say otherwise, and behind a buffer a put waits for no sync by default")
    func writePaths() throws {
        let fixture = try ConfigurationFixture()
        let configuration = try fixture.read(
            """
            stores:
              default: { engine: sqlite }
              fast: { engine: lmdb, write_path: buffered, buffer_objects: 1000 }
              plain: { engine: bdb, write_path: direct }
              scratch: { engine: memory }
            bucket_types:
              default: { store: default }
              sessions: { store: fast }
              carts: { store: fast, dw: quorum }
            """)
        #expect(configuration.stores.map(\.writePath) == [.logged, .buffered, .direct, .direct])
        #expect(configuration.stores[1].options.bufferObjects == 1000)
        #expect(configuration.bucketTypes.map(\.name) == ["carts", "default", "sessions"])
        #expect(configuration.bucketTypes.map(\.dw) == [.quorum, .quorum, .count(0)])
    }

    @Test("every setting can be given as a flag and in the environment, under the names that it is listed with")
    func everySetting() throws {
        let fixture = try ConfigurationFixture()
        let values = [
            "node.name": "x", "node.data": "/x", "node.zone": "x", "node.weight": "2.5", "listen.http": "127.0.0.1:1",
            "listen.pbc": "127.0.0.1:2", "listen.cluster": "127.0.0.1:3", "cluster.name": "x",
            "cluster.partitions": "8",
            "cluster.n": "5", "cluster.secret": "correct horse battery", "cluster.seeds": "a:1, b:2",
            "stores.NAME.engine": "bdb", "stores.NAME.write_path": "buffered",
            "stores.NAME.buffer_objects": "1000", "stores.NAME.buffer_bytes": "1048576",
            "stores.NAME.log_bytes": "134217728",
            "bucket_types.NAME.store": "large", "bucket_types.NAME.n": "1", "bucket_types.NAME.r": "one",
            "bucket_types.NAME.w": "all", "bucket_types.NAME.pr": "1", "bucket_types.NAME.pw": "1",
            "bucket_types.NAME.dw": "1", "bucket_types.NAME.notfound_ok": "false",
            "bucket_types.NAME.basic_quorum": "true", "bucket_types.NAME.allow_mult": "false",
            "bucket_types.NAME.last_write_wins": "true", "bucket_types.NAME.max_object_bytes": "100",
            "bucket_types.NAME.max_siblings": "5", "bucket_types.NAME.vector_limit": "10", "log.level": "trace",
            "log.format": "json", "log.slow_request_ms": "20", "insecure": "true",
        ]
        let yaml = "stores: { default: { engine: lmdb }, large: { engine: lmdb } }\nbucket_types: { my-type: }"
        let plain = try fixture.read(yaml)
        #expect(ConfigurationSetting.all.map { $0.path.joined(separator: ".") }.sorted() == values.keys.sorted())
        for setting in ConfigurationSetting.all {
            let value = try #require(values[setting.path.joined(separator: ".")])
            let name = setting.path[0] == "stores" ? "large" : "my-type"
            let flag = setting.flag.replacing("NAME", with: name)
            let byFlag = try fixture.read(yaml, flags: ["\(flag)=\(value)"])
            #expect(byFlag != plain, "\(flag) changed nothing")
            let variable =
                setting.path.count == 3
                ? setting.variable.replacing("NAME", with: name.uppercased().replacing("-", with: "_"))
                : setting.variable
            #expect(try fixture.read(yaml, environment: [variable: value]) == byFlag, "\(variable)")
        }
    }

    @Test("a flag alone can name a store and a bucket type")
    func namesFromFlags() throws {
        let fixture = try ConfigurationFixture()
        let configuration = try fixture.read(
            nil, flags: ["--stores-big-blobs-engine=sqlite", "--bucket-types-big-blobs-store", "big-blobs"])
        #expect(configuration.stores.map(\.name) == ["big-blobs", "default"])
        #expect(configuration.bucketTypes.map(\.store) == ["big-blobs", "default"])
        let basic = try fixture.read(nil, flags: ["--bucket-types-a-basic-quorum=true"])
        #expect(basic.bucketTypes.first?.name == "a" && basic.bucketTypes.first?.basicQuorum == true)
    }

    @Test("seeds without members wait to be told to join")
    func seedsOnly() throws {
        let fixture = try ConfigurationFixture()
        #expect(try fixture.read("cluster: { seeds: [127.0.0.1:8199] }").cluster.beginning == .waiting)
    }

    @Test("a listener beyond loopback is accepted with insecure, by file or flag")
    func insecure() throws {
        let fixture = try ConfigurationFixture()
        #expect(try fixture.read("insecure: true\nlisten: { http: 0.0.0.0:8098 }").listen.http.host == "0.0.0.0")
        #expect(try fixture.read("listen: { http: \"[::]:8098\" }", flags: ["--insecure"]).listen.http.host == "::")
    }

    @Test("what is odd but not wrong is a warning")
    func warnings() throws {
        let fixture = try ConfigurationFixture()
        let configuration = try fixture.read(
            Self.shop.replacing("zone: rack-1, weight: 1.0 }\nlisten", with: "zone: rack-9, weight: 4 }\nlisten"),
            flags: ["--listen-cluster=127.0.0.1:9999"],
            environment: [
                "ROTOR_NODE_NAEM": "x", "ROTOR_CONNECT": "a:1", "PATH": "/bin", "ROTOR_STORES_LARGE_ENGINE": "bdb",
            ])
        #expect(configuration.warnings.count == 6)
        #expect(Array(configuration.warnings.prefix(2)) == [Self.seedsWarning, Self.pbcWarning])
        #expect(configuration.warnings[2].contains("node.zone is rack-9, cluster.members says rack-1 of a"))
        #expect(configuration.warnings[3].contains("node.weight is 4.0, cluster.members says 1.0 of a"))
        #expect(configuration.warnings[4].contains("127.0.0.1:9999"))
        #expect(configuration.warnings[5] == "ROTOR_NODE_NAEM is set in the environment and means nothing here")
        #expect(configuration.stores[1].engine == .bdb)
    }

    @Test("a secret is read from all three places, and nothing that is printed tells it")
    func secret() throws {
        let fixture = try ConfigurationFixture()
        let secret = "correct horse battery"
        for configuration in [
            try fixture.read("cluster: { secret: \(secret) }"),
            try fixture.read(nil, flags: ["--cluster-secret", secret]),
            try fixture.read(nil, environment: ["ROTOR_CLUSTER_SECRET": secret]),
        ] {
            #expect(configuration.cluster.secret == ClusterSecret(secret))
            var dumped = ""
            dump(configuration, to: &dumped)
            for text in ["\(configuration)", String(reflecting: configuration), dumped] {
                #expect(!text.contains("horse") && text.contains("(not shown)"))
            }
        }
        #expect(try fixture.read(nil).cluster.secret == nil)
        #expect(ClusterSecret(String(repeating: "x", count: 256)) != nil)
        for bad in ["", "fifteen bytes..", "a line\nand one more", String(repeating: "x", count: 257)] {
            #expect(ClusterSecret(bad) == nil)
        }
    }

    @Test("addresses are read and written alike, and loopback is known")
    func addresses() {
        for text in ["127.0.0.1:8098", "localhost:1", "[::1]:65535", "node-a.example.org:0", "[fe80::1%eth0]:80"] {
            #expect(NetworkAddress(text)?.description == text)
        }
        for text in [
            "", ":", ":80", "host", "host:", "host:65536", "host:-1", "host:+1", "::1:80", "[host]:80", "a b:1", "h:٣",
        ] {
            #expect(NetworkAddress(text) == nil, "\(text)")
        }
        for text in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"] {
            #expect(NetworkAddress(text)?.isLoopback == true, "\(text)")
        }
        for text in [
            "0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.0.0.1.example.org:1", "127.example.0.1:1", "128.0.0.1:1",
        ] {
            #expect(NetworkAddress(text)?.isLoopback == false, "\(text)")
        }
    }
}
