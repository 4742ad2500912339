import NIOCore
import Placement
import RotorClient
import Testing

@testable import rotor

@Suite("The client library's way around nodes that fail")
struct FailoverTests {
    private let key = ObjectKey(type: "default", bucket: "b", key: "k")
    private let value = ByteBuffer(string: "v")

    /// Gives `body` a client of those nodes; a nil node is a port where nobody listens.
    private func withClient(
        _ behaviours: [ScriptedNode.Behaviour?], settings: ClientSettings = ClientSettings(),
        _ body: (ClusterClient, [ScriptedNode?]) async throws -> Void
    ) async throws {
        var nodes: [ScriptedNode?] = []
        for behaviour in behaviours {
            if let behaviour { nodes.append(try await ScriptedNode(behaviour)) } else { nodes.append(nil) }
        }
        let free = try FreePorts.find(behaviours.count)
        let endpoints = nodes.enumerated().map { $1?.endpoint ?? Endpoint(host: "127.0.0.1", port: free[$0]) }
        let client = ClusterClient(endpoints: endpoints, settings: settings)
        try await body(client, nodes)
        try await client.shutdown()
        for node in nodes { try await node?.close() }
    }

    private func put(_ client: ClusterClient) async -> RotorClientError? {
        do throws(RotorClientError) {
            try await client.put(key, value, contentType: "text/plain", context: nil)
            return nil
        } catch {
            return error
        }
    }

    @Test("a node that refuses the connection is passed over, and the one that answered is asked first from then on")
    func refusedConnection() async throws {
        try await withClient([nil, ScriptedNode.answer("204 No Content")]) { client, nodes in
            for _ in 0..<3 { #expect(await put(client) == nil) }
            #expect(nodes[1]?.requests.count == 3)
        }
        try await withClient(
            [
                ScriptedNode.answer("503 x", "X-Rotor-Failure: unavailable", body: "not now"),
                ScriptedNode.answer("204 x"),
            ]
        ) { client, nodes in
            for _ in 0..<3 { #expect(await put(client) == nil) }
            #expect(nodes[0]?.requests.count == 1 && nodes[1]?.requests.count == 3)
        }
    }

    @Test("a write whose connection broke is not sent again: its outcome is unknown")
    func brokenWrite() async throws {
        try await withClient([.hangsUp, ScriptedNode.answer("204 No Content")]) { client, nodes in
            guard case .outcomeUnknown = await put(client) else {
                Issue.record("the put did not say that its outcome is unknown")
                return
            }
            #expect(nodes[0]?.requests == ["PUT /buckets/b/keys/k HTTP/1.1"] && nodes[1]?.requests == [])
            guard
                case .outcomeUnknown = await #expect(
                    throws: RotorClientError.self,
                    performing: {
                        _ = try await client.delete(key)
                    })
            else {
                Issue.record("the delete did not say that its outcome is unknown")
                return
            }
            #expect(nodes[1]?.requests == [])
        }
    }

    @Test("a read is taken to the next node whatever went wrong, also where a node is silent")
    func reads() async throws {
        var settings = ClientSettings()
        settings.requestMilliseconds = 1_000
        settings.graceMilliseconds = 0
        let answer = ScriptedNode.answer("200 OK", "Content-Type: a/b", "X-Riak-Vclock: AQID", body: "v")
        try await withClient([.hangsUp, .isSilent, answer], settings: settings) { client, nodes in
            let found = try await client.get(key)
            #expect(found.versions.map(\.value) == [value] && found.context == ObjectContext("AQID"))
            #expect(nodes.map { $0?.requests.count } == [1, 1, 1])
        }
    }

    @Test("a refusal ends the matter: the other nodes would say the same")
    func refusal() async throws {
        let refusal = ScriptedNode.answer("400 Bad", "X-Rotor-Failure: refused", body: "w=9 is too many\n")
        try await withClient([refusal, ScriptedNode.answer("204 x")]) { client, nodes in
            #expect(await put(client) == .refused("w=9 is too many"))
            #expect(nodes[1]?.requests == [])
        }
    }

    @Test("an unknown outcome that a node reports ends the matter too")
    func unknown() async throws {
        let unknown = ScriptedNode.answer("503 x", "X-Rotor-Failure: outcome-unknown", body: "timed out")
        try await withClient([unknown, ScriptedNode.answer("204 x")]) { client, nodes in
            #expect(await put(client) == .outcomeUnknown("timed out"))
            #expect(nodes[1]?.requests == [])
        }
    }

    @Test("when no node can do it the error names each of them with its reason")
    func none() async throws {
        let busy = ScriptedNode.answer("503 x", "X-Rotor-Failure: unavailable", body: "overload")
        try await withClient([nil, busy]) { client, nodes in
            guard case .unavailable(let line) = await put(client) else {
                Issue.record("the put did not say that no node can do it")
                return
            }
            #expect(line == "\(client.endpoints[0]): connection refused; \(client.endpoints[1]): overload")
        }
    }

    @Test("not found is an answer, with the context of what was deleted")
    func notFound() async throws {
        let deleted = ScriptedNode.answer("404 x", "X-Riak-Deleted: true", "X-Riak-Vclock: AQID", body: "not found")
        try await withClient([deleted]) { client, _ in
            let found = try await client.get(key)
            #expect(!found.isFound && found.context == ObjectContext("AQID"))
            #expect(try await client.delete(key) == false)
        }
    }
}
