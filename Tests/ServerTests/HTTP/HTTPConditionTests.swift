import NIOCore
import Node
import RiakWire
import Testing
import Versions

@Suite("Conditions over HTTP", .timeLimit(.minutes(1)))
struct HTTPConditionTests {
    @Test("a client that has the object is told so without a body: 304")
    func notModified() async throws {
        let door = try await OpenDoor.open()
        _ = try await door.put("/buckets/b/keys/k", "one")
        let connection = try await door.connect()
        let got = try await connection.exchange(RequestText.plain("GET", "/buckets/b/keys/k"))
        let tag = try #require(got["ETag"])
        let date = try #require(got["Last-Modified"])
        for header in [
            "If-None-Match: \(tag)", "If-None-Match: \"x\", W/\(tag)", "If-None-Match: *",
            "If-Modified-Since: \(date)", "If-Modified-Since: Wed, 15 Nov 2023 00:00:00 GMT",
        ] {
            try await connection.send(RequestText.plain("GET", "/buckets/b/keys/k", [header]))
            let response = try await connection.response()
            #expect(response.status == 304, "\(header)")
            #expect(response["ETag"] == tag)
            #expect(response["X-Riak-Vclock"] != nil)
            #expect(response["Content-Length"] == nil)
        }
        for header in [
            "If-None-Match: \"x\"", "If-Modified-Since: Mon, 13 Nov 2023 00:00:00 GMT",
            "If-Modified-Since: yesterday", "If-Match: \(tag)", "If-Match: *",
        ] {
            #expect(
                try await connection.exchange(RequestText.plain("GET", "/buckets/b/keys/k", [header])).text == "one",
                "\(header)")
        }
        // A tag is more exact than a date.
        let both = ["If-None-Match: \"x\"", "If-Modified-Since: \(date)"]
        #expect(try await connection.exchange(RequestText.plain("GET", "/buckets/b/keys/k", both)).status == 200)
        let failed = try await connection.exchange(
            RequestText.plain("GET", "/buckets/b/keys/k", ["If-Match: \"x\""]))
        #expect(failed.status == 412)
        await connection.close()
        try await door.close()
    }

    @Test("the tag of a set of siblings stands for all of them")
    func siblingsNotModified() async throws {
        let door = try await OpenDoor.open()
        _ = try await door.put("/buckets/b/keys/k", "one")
        let first = try #require(try await door.get("/buckets/b/keys/k")["ETag"])
        _ = try await door.put("/buckets/b/keys/k", "two")
        let both = try #require(try await door.get("/buckets/b/keys/k")["ETag"])
        #expect(try await door.get("/buckets/b/keys/k", "If-None-Match: \(both)").status == 304)
        #expect(try await door.get("/buckets/b/keys/k", "If-None-Match: \(first)").status == 300)
        try await door.close()
    }

    @Test("a write under a condition that does not hold is not done: 412")
    func preconditions() async throws {
        let door = try await OpenDoor.open()
        #expect(try await door.put("/buckets/b/keys/k", "0", "If-Match: *").status == 412)
        #expect(try await door.put("/buckets/b/keys/k", "1", "If-None-Match: *").status == 204)
        let again = try await door.put("/buckets/b/keys/k", "2", "If-None-Match: *")
        #expect(again.status == 412)
        #expect(again["X-Rotor-Failure"] == "refused")
        let got = try await door.get("/buckets/b/keys/k")
        #expect(got.text == "1")
        let tag = try #require(got["ETag"])
        #expect(again.text == "\(ConditionFailure.exists)\n")
        let twice = try await door.put("/buckets/b/keys/k", "2", "If-None-Match: *", "If-Match: \(tag)")
        #expect(twice.text == "If-None-Match does not hold: the object's ETag is \(tag)\n")
        #expect(try await door.put("/buckets/b/keys/k", "3", "If-Match: \"x\"").status == 412)
        #expect(try await door.put("/buckets/b/keys/k", "3", "If-Match: W/\(tag)").status == 412)
        let old = "If-Unmodified-Since: Mon, 13 Nov 2023 00:00:00 GMT"
        #expect(try await door.put("/buckets/b/keys/k", "3", old).status == 412)
        #expect(try await door.delete("/buckets/b/keys/k", old).status == 412)
        #expect(try await door.delete("/buckets/b/keys/k", "If-Match: \"x\"").status == 412)
        let clock = try #require(got["X-Riak-Vclock"])
        #expect(
            try await door.put(
                "/buckets/b/keys/k", "4", "If-Match: \"x\", \(tag)", "X-Riak-Vclock: \(clock)",
                "If-Unmodified-Since: Tue, 14 Nov 2023 22:13:20 GMT"
            ).status == 204)
        #expect(try await door.get("/buckets/b/keys/k").text == "4")
        try await door.close()
    }

    @Test("X-Riak-If-Not-Modified compares what was seen, whichever node answered: 409 when it differs")
    func ifNotModified() async throws {
        let door = try await OpenDoor.open()
        let missing = try await door.put("/buckets/b/keys/k", "0", "X-Riak-If-Not-Modified: ")
        #expect(missing.status == 409)
        _ = try await door.put("/buckets/b/keys/k", "1")
        let clock = try #require(try await door.get("/buckets/b/keys/k")["X-Riak-Vclock"])
        let other = try #require(try await door.get("/buckets/b/keys/k")["X-Riak-Vclock"])
        #expect(clock != other)
        #expect(
            try await door.put(
                "/buckets/b/keys/k", "2", "X-Riak-If-Not-Modified: \(clock)", "X-Riak-Vclock: \(clock)"
            ).status == 204)
        let stale = try await door.put(
            "/buckets/b/keys/k", "3", "X-Riak-If-Not-Modified: \(clock)", "X-Riak-Vclock: \(clock)")
        #expect(stale.status == 409)
        #expect(stale.text == "\(ConditionFailure.modified)\n")
        #expect(try await door.get("/buckets/b/keys/k").text == "2")
        #expect(try await door.put("/buckets/b/keys/k", "3", "X-Riak-If-Not-Modified: AAAA").status == 400)
        #expect(try await door.put("/buckets/b/keys/k", "3", "X-Riak-If-Not-Modified: ?").status == 400)
        try await door.close()
    }

    @Test("the read before a conditional write fails as a read: nothing was written")
    func failedCheck() async throws {
        let door = try await OpenDoor.open()
        door.node.fail(with: .notEnoughReplies(.r, needed: 2, got: 1))
        let response = try await door.put("/buckets/b/keys/k", "1", "If-None-Match: *")
        #expect(response.status == 503)
        #expect(response["X-Rotor-Failure"] == "unavailable")
        #expect(door.node.requests.count == 1)
        try await door.close()
    }

    @Test("what the door read for a tag or a date is the node's condition: nothing may come in between")
    func conditionsOfTheNode() async throws {
        let door = try await OpenDoor.open()
        func condition(_ headers: String...) async throws -> WriteCondition? {
            let before = door.node.requests.count
            _ = try await door.exchange(RequestText.put("/buckets/b/keys/k", "1", headers))
            let last = try #require(door.node.requests.dropFirst(before).last)
            guard case .put(let put) = last else { return nil }
            return put.condition
        }
        #expect(try await condition() == nil)
        #expect(try await condition("If-None-Match: *") == .absent)
        let got = try await door.get("/buckets/b/keys/k")
        let tag = try #require(got["ETag"])
        guard case .unchanged(let sealed)? = try await condition("If-Match: \(tag)") else {
            Issue.record("If-Match is no condition of the node")
            return
        }
        #expect(sealed.readableBytes > 0)
        #expect(try await condition("If-Unmodified-Since: Tue, 14 Nov 2033 22:13:20 GMT") != nil)
        // It holds where the read says so, but another client was faster.
        let fresh = try #require(try await door.get("/buckets/b/keys/k")["ETag"])
        door.node.fail(with: .conditionFailed(.modified), after: 1)
        let raced = try await door.put("/buckets/b/keys/k", "2", "If-Match: \(fresh)")
        #expect(raced.status == 412)
        #expect(raced.text == "\(ConditionFailure.modified)\n")
        try await door.close()
    }
}
