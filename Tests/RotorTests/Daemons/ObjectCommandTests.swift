import Engines
import Foundation
import Testing

@testable import rotor

@Suite("Commands about objects, against a daemon", .serialized)
struct ObjectCommandTests {
    @Test("put, get, a sibling made on purpose, its resolution, delete: with the exit codes that scripts go by")
    func life() async throws {
        try await Daemons.run([.lmdb]) { daemons in
            let missing = try await daemons.rotor("get", "cart", "ann")
            #expect(missing.status == 1 && missing.output.isEmpty)
            #expect(missing.errors == "rotor: not found: cart/ann\n")

            let put = try await daemons.rotor("put", "cart", "ann", "tea")
            #expect(put.status == 0 && put.output.isEmpty && put.errors.isEmpty)
            #expect(try await daemons.rotor("get", "cart", "ann").text == "tea")

            #expect(try await daemons.rotor("put", "--no-context", "cart", "ann", "coffee").status == 0)
            let both = try await daemons.rotor("get", "cart", "ann")
            #expect(both.status == 0)
            for piece in ["2 siblings", "1  tag ", "2  tag ", "   tea", "   coffee", "context ", "text/plain"] {
                #expect(both.text.contains(piece), "\(piece) in \(both.text)")
            }
            #expect(try await daemons.rotor("get", "--raw", "cart", "ann").status == 2)
            var values: Set<String> = []
            for number in 1...2 {
                values.insert(try await daemons.rotor("get", "--sibling", "\(number)", "cart", "ann").text)
            }
            #expect(values == ["tea", "coffee"])
            #expect(try await daemons.rotor("get", "--sibling", "3", "cart", "ann").status == 1)

            #expect(try await daemons.rotor("put", "cart", "ann", "tea, coffee").status == 0)
            #expect(try await daemons.rotor("get", "cart", "ann").text == "tea, coffee")

            #expect(try await daemons.rotor("delete", "cart", "ann").status == 0)
            #expect(try await daemons.rotor("delete", "cart", "ann").status == 1)
            #expect(try await daemons.rotor("get", "cart", "ann").status == 1)
        }
    }

    @Test("a put with a context supersedes what that read saw, and what came since stays")
    func context() async throws {
        try await Daemons.run([.lmdb]) { daemons in
            _ = try await daemons.rotor("put", "cart", "ann", "tea")
            let seen = try Described(try await daemons.rotor("get", "--json", "cart", "ann"))
            #expect(seen.found && seen.siblings.map(\.value) == ["tea"] && seen.bucket == "cart" && seen.key == "ann")
            let context = try #require(seen.context)
            _ = try await daemons.rotor("put", "--context", context, "cart", "ann", "coffee")
            _ = try await daemons.rotor("put", "--context", context, "cart", "ann", "juice")
            let after = try Described(try await daemons.rotor("get", "--json", "cart", "ann"))
            #expect(Set(after.siblings.compactMap(\.value)) == ["coffee", "juice"])
        }
    }

    @Test("values of any bytes come back unchanged, from a file and from standard input")
    func bytes() async throws {
        try await Daemons.run([.sqlite]) { daemons in
            let bytes = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
            let path = daemons.folder.path + "/value"
            try bytes.write(to: URL(fileURLWithPath: path))
            #expect(try await daemons.rotor("put", "b", "file", "@" + path).status == 0)
            #expect(try await daemons.rotor("put", "b", "input", "-", input: bytes).status == 0)
            #expect(try await daemons.rotor("put", "b", "empty", "-").status == 0)
            for key in ["file", "input"] {
                #expect(try await daemons.rotor("get", "b", key).output == bytes)
                #expect(try await daemons.rotor("get", "--raw", "b", key).output == bytes)
            }
            let described = try Described(try await daemons.rotor("get", "--json", "b", "file"))
            #expect(described.siblings.first?.valueBase64 == bytes.base64EncodedString())
            #expect(described.siblings.first?.contentType == "application/octet-stream")
            let empty = try await daemons.rotor("get", "b", "empty")
            #expect(empty.status == 0 && empty.output.isEmpty)
            #expect(try await daemons.rotor("put", "b", "file", "@/no/such/file").status == 74)
        }
    }

    @Test("names are bytes: slashes, dots, blanks, signs and other scripts name keys of their own")
    func names() async throws {
        try await Daemons.run([.bdb]) { daemons in
            let names = ["a/b", "a%2Fb", ".", "..", "a b", "a+b", "?x=1", "#", "käse", "茶", "a//b", "-x"]
            for name in names {
                let put = try await daemons.rotor("put", "--", name, name, "value of \(name)")
                #expect(put.status == 0, "\(name): \(put.errors)")
            }
            for name in names {
                let get = try await daemons.rotor("get", "--", name, name)
                #expect(get.text == "value of \(name)", "\(name): \(get.errors)")
            }
        }
    }

    @Test("what is wrong is refused in one line, with exit code 2, and nothing is lost")
    func refusals() async throws {
        try await Daemons.run([.lmdb]) { daemons in
            _ = try await daemons.rotor("put", "cart", "ann", "tea")
            _ = try await daemons.rotor("put", "cart", "ben", "water")
            let foreign = try #require(try Described(try await daemons.rotor("get", "--json", "cart", "ben")).context)
            var forged = Array(try #require(Data(base64Encoded: foreign)))
            forged[forged.count / 2] ^= 1
            let refused: [(String, RotorRun)] = [
                ("bucket type", try await daemons.rotor("get", "--type", "nope", "cart", "ann")),
                ("bucket type", try await daemons.rotor("put", "--type", "nope", "cart", "ann", "x")),
                ("base64", try await daemons.rotor("put", "--context", "%%", "cart", "ann", "x")),
                ("context", try await daemons.rotor("put", "--context", foreign, "cart", "ann", "x")),
                (
                    "context",
                    try await daemons.rotor("put", "--context", Data(forged).base64EncodedString(), "cart", "ann", "x")
                ),
                ("w=9", try await daemons.rotor("put", "--w", "9", "cart", "ann", "x")),
                ("zero-length", try await daemons.rotor("put", "cart", "", "x")),
                (
                    "20971520",
                    try await daemons.rotor("put", "cart", "ann", "-", input: Data(count: 20 << 20))
                ),
            ]
            for (piece, run) in refused {
                #expect(run.status == 2, "\(piece): \(run.errors)")
                #expect(run.errors.contains(piece) && run.errors.split(separator: "\n").count == 1, "\(run.errors)")
                #expect(run.output.isEmpty)
            }
            #expect(try await daemons.rotor("get", "cart", "ann").text == "tea")
        }
    }

    @Test("locate and status tell what the node knows, for people and as JSON")
    func reports() async throws {
        try await Daemons.run([.lmdb]) { daemons in
            let place = try await daemons.rotor("locate", "cart", "ann")
            #expect(place.status == 0 && place.text.contains("of 256") && place.text.contains("slot 0  a  127.0.0.1:"))
            let json = try await daemons.rotor("locate", "--json", "cart", "ann")
            let located = try #require(try JSONSerialization.jsonObject(with: json.output) as? [String: Any])
            #expect(Set(located.keys) == ["hash", "n", "partition", "partitions", "preflist"])

            _ = try await daemons.rotor("put", "cart", "ann", "tea")
            let page = try await daemons.rotor("status")
            for piece in ["cluster       local", "a  this node", "lmdb", "catalogue, default"] {
                #expect(page.text.contains(piece), "\(piece) in \(page.text)")
            }
            let status = try await daemons.rotor("status", "--json")
            let report = try #require(try JSONSerialization.jsonObject(with: status.output) as? [String: Any])
            #expect(report["node"] as? String == "a" && (report["stores"] as? [Any])?.count == 3)
            #expect((report["counters"] as? [String: Int])?["puts"] == 1)
        }
    }
}

/// What `rotor get --json` promises.
struct Described: Decodable {
    struct Sibling: Decodable {
        var contentType: String
        var deleted: Bool
        var lastModified: String
        var size: Int
        var tag: String
        var value: String?
        var valueBase64: String?
    }

    var bucket: String
    var context: String?
    var found: Bool
    var key: String
    var node: String
    var siblings: [Sibling]
    var type: String

    init(_ run: RotorRun) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Described.self, from: run.output)
    }
}
