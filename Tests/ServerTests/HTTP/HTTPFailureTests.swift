import NIOCore
import Node
import Placement
import RiakWire
import Testing
import Versions

@Suite("Failures over HTTP", .timeLimit(.minutes(1)))
struct HTTPFailureTests {
    @Test("each failure of the node has its status, its line with the numbers, and what a client can conclude")
    func nodeFailures() async throws {
        let cases: [(RequestFailure, get: Int, put: Int, kind: String)] = [
            (.quorumAboveN(.w, asked: 4, n: 3), 400, 400, "refused"),
            (.contextRefused("foreign"), 400, 400, "refused"),
            (.badName(part: "Key", length: 0, limit: 4096), 400, 400, "refused"),
            (.objectTooLarge(bytes: 9, limit: 8), 413, 413, "refused"),
            (.storage(.tooLarge(bytes: 9, limit: 8)), 413, 413, "refused"),
            (.storage(.tooManySiblings(count: 101, limit: 100)), 400, 400, "refused"),
            (.unknownBucketType("x"), 404, 404, "refused"),
            (.tooFewReachable(.w, needed: 2, reachable: 1), 503, 503, "unavailable"),
            (.notReady, 503, 503, "unavailable"),
            (.overloaded(waiting: 9, limit: 8), 503, 503, "unavailable"),
            (.notEnoughReplies(.w, needed: 2, got: 1), 503, 503, "outcome-unknown"),
            (.notEnoughReplies(.r, needed: 2, got: 1), 503, 503, "unavailable"),
            (.timedOut(.pr, needed: 2, got: 1, milliseconds: 100), 503, 503, "unavailable"),
            (.coordinatorUnreachable("b"), 503, 503, "unavailable"),
            (.clockAhead(milliseconds: 70_000), 503, 503, "unavailable"),
            (.clockBehind(milliseconds: 70_000), 503, 503, "unavailable"),
            (.timedOut(.pw, needed: 2, got: 1, milliseconds: 100), 503, 503, "outcome-unknown"),
            (.coordinatorLost("b"), 503, 503, "outcome-unknown"),
            (.storage(.full), 503, 503, "unavailable"),
        ]
        let door = try await OpenDoor.open()
        for (failure, getStatus, putStatus, kind) in cases {
            for method in ["GET", "PUT", "DELETE"] {
                door.node.fail(with: failure)
                let response =
                    switch method {
                    case "GET": try await door.get("/buckets/b/keys/k")
                    case "PUT": try await door.put("/buckets/b/keys/k", "1")
                    default: try await door.delete("/buckets/b/keys/k")
                    }
                #expect(response.status == (method == "GET" ? getStatus : putStatus), "\(method) \(failure)")
                #expect(response.text == failure.description + "\n")
                #expect(response["Content-Type"] == "text/plain")
                // A read that fails has no outcome that could be unknown.
                let expected = method == "GET" && kind == "outcome-unknown" ? "unavailable" : kind
                #expect(response["X-Rotor-Failure"] == expected, "\(method) \(failure)")
                let canRetry = "\(failure)".hasSuffix("try again") || "\(failure)".hasPrefix("over")
                #expect((response["Retry-After"] != nil) == canRetry, "\(failure)")
            }
        }
        try await door.close()
    }

    @Test("what is wrong with a request is said in one line, and the connection goes on")
    func malformedRequests() async throws {
        let cases: [(request: String, status: Int, line: String)] = [
            (RequestText.plain("GET", "/buckets/b/keys/%4"), 400, "'%4': a % must be followed by two"),
            (RequestText.plain("GET", "/buckets/%zz/keys/k"), 400, "'%zz': a %"),
            (RequestText.plain("GET", "/buckets/b/keys/k?r=three"), 400, "query parameter r must be"),
            (RequestText.plain("GET", "/buckets/b/keys/k?r=-1"), 400, "query parameter r must be"),
            (RequestText.plain("GET", "/buckets/b/keys/k?pr="), 400, "query parameter pr must be"),
            (RequestText.plain("GET", "/buckets/b/keys/k?timeout=0"), 400, "query parameter timeout must be"),
            (RequestText.plain("GET", "/buckets/b/keys/k?timeout=99999999999"), 400, "query parameter timeout"),
            (RequestText.plain("GET", "/buckets/b/keys/k?notfound_ok=yes"), 400, "query parameter notfound_ok"),
            (RequestText.put("/buckets/b/keys/k?returnbody=1", "x"), 400, "query parameter returnbody must be"),
            (RequestText.put("/buckets/b/keys/k?asis=true", "x"), 400, "query parameter asis=true is not supported"),
            (RequestText.put("/buckets/b/keys/k?sync_on_write=all", "x"), 400, "query parameter sync_on_write=all"),
            (RequestText.put("/buckets/b/keys/k?node_confirms=2", "x"), 400, "query parameter node_confirms=2"),
            (RequestText.put("/buckets/b/keys/k", "x", ["X-Riak-Vclock: ?"]), 400, "X-Riak-Vclock is not base64"),
            (RequestText.put("/buckets/b/keys/k", "x", ["X-Riak-Vclock: AAAA"]), 400, "context refused"),
            (RequestText.plain("DELETE", "/buckets/b/keys/k", ["X-Riak-Vclock: AQ"]), 400, "X-Riak-Vclock is not"),
            (RequestText.plain("PUT", "/buckets/b/keys/k", ["Content-Length: 0"]), 400, "Missing Content-Type"),
            (RequestText.put("/buckets/b/keys/k", "x", ["Content-Type: text"]), 415, "Content-Type 'text'"),
            (RequestText.put("/buckets/b/keys/k", "x", ["Content-Type: a/b; c=\"d"]), 415, "Content-Type 'a/b"),
            (RequestText.put("/buckets/b/keys/k", "x", ["Link: </buckets/c>; rel=\"up\""]), 400, "Link '"),
            (RequestText.put("/buckets/b/keys/k", "x", ["Link: <http://x>"]), 400, "Link '"),
            (RequestText.put("/buckets/b/keys/k", "x", ["X-Riak-Index-a: 1"]), 400, "index entry a=1"),
            (RequestText.put("/buckets/b/keys/k", "x", ["X-Riak-Index-a_int: 1, b"]), 400, "index entry a_int=b"),
            (RequestText.plain("GET", "/buckets//keys/k"), 404, "not found"),
            (RequestText.plain("GET", "/types/none/buckets/b/keys/k"), 404, "no bucket type named 'none'"),
            (RequestText.plain("GET", "/nowhere"), 404, "nothing is at this path"),
            (RequestText.plain("GET", "/buckets/b/keys/k/x"), 404, "nothing is at this path"),
            (RequestText.plain("GET", "/buckets/b/keys"), 405, "GET cannot be done here: POST can"),
            (RequestText.plain("PATCH", "/buckets/b/keys/k"), 405, "PATCH cannot be done here"),
            (RequestText.plain("DELETE", "/ping"), 405, "DELETE cannot be done here: GET, HEAD can"),
            (RequestText.plain("GET", "/", ["Accept: image/png"]), 406, "Accept excludes what there is"),
        ]
        let door = try await OpenDoor.open()
        for (request, status, line) in cases {
            let connection = try await door.connect()
            let response = try await connection.exchange(request)
            let first = request.prefix { $0 != "\r\n" }
            #expect(response.status == status, "\(first)")
            #expect(response.text.hasPrefix(line), "\(first): \(response.text)")
            #expect(response.text.filter(\.isNewline).count == 1, "\(first): \(response.text)")
            #expect((response["Allow"] != nil) == (status == 405))
            if response["Connection"] != "close" {
                #expect(try await connection.exchange(RequestText.plain("GET", "/ping")).text == "OK", "\(first)")
            }
            await connection.close()
        }
        try await door.close()
    }

    @Test("a write beside a sibling that cannot be shown is done, and does not read as if it were not")
    func undecodableSibling() async throws {
        let door = try await OpenDoor.open()
        let key = ObjectKey(type: "default", bucket: "b", key: "k")
        // Of a format to come.
        let content = Content(metadata: ByteBuffer(bytes: [99, 1, 1]), value: ByteBuffer(string: "x"))
        guard case .stored = await door.node.perform(.put(PutRequest(key: key, content: content))) else {
            Issue.record("the object was not stored")
            return
        }
        let read = try await door.get("/buckets/b/keys/k")
        #expect(read.status == 500)
        #expect(read["X-Rotor-Failure"] == "unavailable")
        let written = try await door.put("/buckets/b/keys/k?returnbody=true", "y", "Accept: multipart/mixed")
        #expect(written.status == 204)
        #expect(written["X-Rotor-Failure"] == nil)
        #expect(try await door.get("/buckets/b/keys/k").text.split(separator: "\n").count == 3)
        try await door.close()
    }

    @Test("a client that does not take the object's type is refused: 406")
    func notAcceptable() async throws {
        let door = try await OpenDoor.open()
        _ = try await door.put("/buckets/b/keys/k", "{}", "Content-Type: application/json")
        #expect(try await door.get("/buckets/b/keys/k", "Accept: text/html, image/*").status == 406)
        #expect(try await door.get("/buckets/b/keys/k", "Accept: application/json;q=0, */*").status == 406)
        #expect(try await door.get("/buckets/b/keys/k", "Accept: application/*").status == 200)
        _ = try await door.put("/buckets/b/keys/k", "[]", "Content-Type: application/json")
        #expect(try await door.get("/buckets/b/keys/k", "Accept: application/json").status == 406)
        #expect(try await door.get("/buckets/b/keys/k", "Accept: text/*").status == 300)
        try await door.close()
    }

    @Test("a context of another key, a damaged one and a forged one are refused, and nothing is written")
    func foreignContexts() async throws {
        let door = try await OpenDoor.open()
        _ = try await door.put("/buckets/b/keys/k", "one")
        _ = try await door.put("/buckets/b/keys/other", "two")
        let clock = try #require(try await door.get("/buckets/b/keys/k")["X-Riak-Vclock"])
        let foreign = try #require(try await door.get("/buckets/b/keys/other")["X-Riak-Vclock"])
        var damaged = try #require(Base64.decoded(clock))
        let byte: UInt8 = try #require(damaged.getInteger(at: 5))
        damaged.setInteger(byte ^ 1, at: 5)
        for context in [foreign, Base64.encoded(damaged), "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"] {
            let response = try await door.put("/buckets/b/keys/k", "three", "X-Riak-Vclock: \(context)")
            #expect(response.status == 400)
            #expect(response["X-Rotor-Failure"] == "refused")
            #expect(response.text.hasPrefix("context refused: "))
            #expect(try await door.delete("/buckets/b/keys/k", "X-Riak-Vclock: \(context)").status == 400)
        }
        #expect(try await door.get("/buckets/b/keys/k").text == "one")
        try await door.close()
    }
}
