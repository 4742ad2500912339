import Foundation
import NIOCore
import Testing

@Suite("Resources of the node over HTTP", .timeLimit(.minutes(1)))
struct HTTPNodeResourceTests {
    @Test("ping says OK, the root lists what there is, in JSON or HTML")
    func rootAndPing() async throws {
        let door = try await OpenDoor.open()
        let ping = try await door.get("/ping")
        #expect(ping.status == 200)
        #expect(ping.text == "OK")
        let page = try await door.get("/")
        #expect(page["Content-Type"] == "text/html")
        #expect(page.text.contains("<a href=\"/buckets\">riak_kv_wm_buckets</a>"))
        #expect(page["Link"]?.contains("</stats>; rel=\"riak_kv_wm_stats\"") == true)
        let json = try await door.get("/", "Accept: multipart/mixed, application/json, */*;q=0.5")
        #expect(json["Content-Type"] == "application/json")
        let names = try #require(
            try JSONSerialization.jsonObject(with: Data(json.body.readableBytesView)) as? [String: String])
        #expect(names["riak_kv_wm_buckets"] == "/buckets")
        #expect(names["riak_kv_wm_counter"] == nil)
        try await door.close()
    }

    @Test("stats hold Riak's names and the whole status")
    func stats() async throws {
        let door = try await OpenDoor.open()
        let response = try await door.get("/stats")
        #expect(response.status == 200)
        let stats = try #require(
            try JSONSerialization.jsonObject(with: Data(response.body.readableBytesView)) as? [String: Any])
        #expect(stats["riak_kv_version"] as? String == "3.0.16")
        #expect(stats["nodename"] as? String == "a")
        #expect(stats["node_gets_total"] as? Int == 3)
        #expect(stats["node_puts_total"] as? Int == 2)
        #expect(stats["connected_nodes"] as? [String] == ["b"])
        let whole = try #require(stats["rotor"] as? [String: Any])
        #expect(whole["clusterID"] as? String == "c")
        #expect(whole["versionsReturned"] as? [Int] == [1, 1, 1, 0])
        try await door.close()
    }

    @Test("metrics are served as what Prometheus asks for")
    func metrics() async throws {
        let door = try await OpenDoor.open()
        let response = try await door.get("/metrics")
        #expect(response.status == 200)
        #expect(response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(response.text.hasPrefix("# TYPE rotor_ready gauge\n"))
        let head = try await door.head("/metrics")
        #expect(head.status == 200 && head.text == "" && head["Content-Length"] == response["Content-Length"])
        #expect(try await door.exchange(RequestText.plain("DELETE", "/metrics")).status == 405)
        try await door.close()
    }

    @Test("health: alive, and ready or a line for each thing that is lacking; by GET and HEAD")
    func health() async throws {
        let door = try await OpenDoor.open()
        let live = try await door.get("/health/live")
        #expect(live.status == 200 && live.text == "alive\n" && live["Content-Type"] == "text/plain")
        #expect(try await door.head("/health/live").status == 200)
        let ready = try await door.get("/health/ready")
        #expect(ready.status == 200 && ready.text == "ready\n")
        door.node.lack(["stopping: one", "store a has ended: two"])
        let lacking = try await door.get("/health/ready")
        #expect(lacking.status == 503 && lacking.text == "stopping: one\nstore a has ended: two\n")
        let head = try await door.head("/health/ready")
        #expect(head.status == 503 && head.text == "")
        #expect(try await door.get("/health/live").status == 200)
        #expect(try await door.exchange(RequestText.plain("POST", "/health/ready")).status == 405)
        #expect(try await door.get("/health").status == 404)
        try await door.close()
    }

    @Test("the preference list has Riak's shape, and where each replica is")
    func location() async throws {
        let door = try await OpenDoor.open()
        let response = try await door.get("/buckets/b/keys/k/preflist")
        #expect(response.status == 200)
        #expect(
            response.text == """
                {"hash":"00ff","n":1,"partition":7,"partitions":256,"preflist":[\
                {"address":"127.0.0.1:8099","node":"a","partition":7,"primary":true,"reachable":true,"slot":0,\
                "zone":"rack-1"},\
                {"address":"127.0.0.1:8199","node":"b","partition":7,"primary":false,"reachable":false,\
                "zone":"rack-2"}]}
                """)
        #expect(try await door.get("/types/none/buckets/b/keys/k/preflist").status == 404)
        try await door.close()
    }
}
