import ArgumentParser
import NIOCore
import RotorClient
import Testing

@testable import rotor

@Suite("What the command line makes of what it reads")
struct OutputTests {
    @Test("dpkg's paragraphs come apart at empty lines, byte for byte, each under a name of its own")
    func paragraphs() {
        let texts = [
            "Package: a\nVersion: 1\n", "Package: b\nDescription: x\n .\n y\n", "Package: a\nArchitecture: i386\n",
        ]
        let nameless = "Status: deinstall\n"
        for separator in ["\n", "\n\n"] {
            let file = ([nameless] + texts).joined(separator: separator)
            let found = PackageParagraphs(ByteBuffer(string: file)).paragraphs
            #expect(found.map(\.name) == ["a", "b", "a:i386"])
            #expect(found.map { String(buffer: $0.text) } == texts)
        }
        #expect(PackageParagraphs(ByteBuffer(string: "Package: z")).paragraphs.map(\.name) == ["z"])
        #expect(PackageParagraphs(ByteBuffer()).paragraphs.isEmpty)
    }

    @Test("answers are read whole however their bytes arrive")
    func answers() throws {
        let bytes =
            "HTTP/1.1 200 OK\r\nX-Riak-Vclock: AQID\r\ncontent-length: 5\r\n\r\nhello"
            + "HTTP/1.1 204 No Content\r\n\r\n"
            + "HTTP/1.1 503 x\r\nX-Rotor-Failure: unavailable\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
        let expected = [
            HTTPAnswerReader.Head(status: 200, bodyBytes: 5, context: "AQID", closes: false),
            HTTPAnswerReader.Head(status: 204, bodyBytes: 0, closes: false),
            HTTPAnswerReader.Head(status: 503, bodyBytes: 2, failure: "unavailable", closes: true),
        ]
        for size in 1...bytes.utf8.count {
            var reader = HTTPAnswerReader()
            var found: [HTTPAnswerReader.Head] = []
            var rest = ByteBuffer(string: bytes)
            while let piece = rest.readSlice(length: min(size, max(1, rest.readableBytes))) {
                reader.append(piece)
                while let answer = try reader.next(hasBody: true) { found.append(answer) }
            }
            #expect(found == expected, "pieces of \(size)")
        }
    }

    @Test("what is no HTTP answer, or never ends, is an error and not awaited for ever")
    func noAnswers() {
        for bytes in ["SSH-2.0-x\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", String(repeating: "x", count: 70_000)] {
            var reader = HTTPAnswerReader()
            reader.append(ByteBuffer(string: bytes))
            #expect(throws: HTTPAnswerReader.Failure.self) { try reader.next(hasBody: true) }
        }
    }

    @Test("processor time is read behind a name that holds blanks and parentheses")
    func processorTime() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 300 45 11 12 13"
        #expect(ProcessUsage.ticks(stat: stat) == 345)
        #expect(ProcessUsage.ticks(stat: "42 (a) S 1") == nil)
    }

    @Test("a listing shows siblings' text, and no control characters of other values")
    func listing() throws {
        let name = try ObjectName.parse(["b", "k"])
        let values = ["tea\ncoffee", "\u{1b}[2J", "", String(repeating: "x", count: 3_000)]
        let versions = values.enumerated().map { index, value in
            StoredVersion(
                value: ByteBuffer(string: value), contentType: "text/plain", tag: "t\(index)", lastModified: "now",
                isDeletion: false)
        }
        let object = StoredObject(
            versions: versions, context: ObjectContext("AQID"), endpoint: Endpoint(host: "127.0.0.1"))
        let text = SiblingListing(object, name).lines.joined(separator: "\n")
        #expect(text.contains("   tea\n   coffee") && text.contains("(empty)") && text.contains("context AQID"))
        #expect(!text.contains("\u{1b}") && text.contains("rotor get --sibling 2 writes it all"))
        #expect(text.contains("… (rotor get --sibling 4"))
    }

    @Test("a log line is one line of JSON whatever the message holds")
    func logLine() throws {
        let line = JSONLogHandler.Line(
            time: "2026-11-21T10:00:00.000Z", level: "info", label: "rotor", message: "a \"b\"\nc",
            metadata: ["z": "1", "a": "/x"])
        #expect(
            line.text
                == #"{"label":"rotor","level":"info","message":"a \"b\"\nc","metadata":{"a":"/x","z":"1"},"#
                + #""time":"2026-11-21T10:00:00.000Z"}"# + "\n")
    }

    @Test("progress is a plain line where there is no terminal, and a bar as wide at its end as at its beginning there")
    func progress() {
        let plain = ProgressBar("storing", total: 40, isTerminal: false)
        #expect(plain.line(done: 40, .now).hasPrefix("  storing  40 of 40, "))
        #expect(plain.line(done: 40, .now).allSatisfy { !"█░\r".contains($0) })
        let bar = ProgressBar("storing", total: 40, isTerminal: true)
        for (done, filled) in [(0, 0), (20, 15), (40, 30)] {
            let line = bar.line(done: done, .now)
            #expect(line.count { $0 == "█" } == filled && line.count { $0 == "░" } == 30 - filled)
        }
    }

    @Test("tables keep their columns, and sizes and times are written for people")
    func figures() {
        var table = TextTable()
        table.add("a", "bbb", "c")
        table.add("aaa", "b", "")
        #expect(table.lines() == ["a    bbb  c", "aaa  b"])
        #expect(
            [0, 1, 1023, 1024, 1_572_864].map(\.asBytes) == ["0 bytes", "1 byte", "1023 bytes", "1.0 KiB", "1.5 MiB"])
        #expect(StatusPage.time(3 * 86_400 + 4 * 3600 + 5 * 60 + 6) == "3 d 04:05:06")
    }
}
