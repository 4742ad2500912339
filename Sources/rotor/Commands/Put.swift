import ArgumentParser
import NIOCore
import RotorClient

struct Put: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Store a value under a key.",
        discussion: """
            The object is read first, and the write supersedes what was seen: also several siblings, which it so \
            reconciles. A write that comes in between stays, as a sibling.

              rotor put cart ann 'tea'                   the value is the argument
              rotor put photos p1 @p1.jpg                from a file
              date | rotor put log now -                 from standard input
              rotor put --context C cart ann 'coffee'    supersedes what the read that showed C saw
              rotor put --no-context cart ann 'juice'    has seen nothing: stays beside what is there
              rotor put --w all cart ann 'tea'           wait for all replicas

            A value that begins with @ goes through standard input. With --json: {"bucket","key","size", \
            "stored","type"}. Exit code 4 if the write may or may not have happened.
            """)

    @OptionGroup var name: ObjectName

    @Argument(help: ArgumentHelp("The value, @FILE, or - for standard input.", valueName: "value"))
    var value: String

    @OptionGroup var context: ContextOption

    @Flag(name: .long, help: "Write as one who has seen nothing: what is there stays, as a sibling.")
    var noContext = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The value's media type. (default: text/plain for an argument, else application/octet-stream)",
            valueName: "type/subtype"))
    var contentType: String?

    @OptionGroup var quorums: WriteQuorums
    @OptionGroup var reads: ReadQuorums
    @OptionGroup var timeout: TimeoutOption
    @OptionGroup var connection: ConnectOptions
    @OptionGroup var output: JSONOption

    func validate() throws {
        if noContext, context.context != nil { throw ValidationError("--context and --no-context exclude each other") }
    }

    func run() async throws {
        let source = ValueSource(value)
        let given = try context.objectContext()
        let bytes = try source.read()
        try await connection.withClient { client in
            var seen = given
            if seen == nil, !noContext {
                seen = try await client.context(of: name.objectKey, ReadOptions(reads, timeout))
            }
            try await client.put(
                name.objectKey, bytes, contentType: contentType ?? source.contentType, context: seen,
                WriteOptions(quorums, nil, timeout))
        }
        if output.json { try JSONOutput.print(Stored(name, size: bytes.readableBytes)) }
    }

    private struct Stored: Encodable {
        var bucket: String
        var key: String
        var size: Int
        var stored = true
        var type: String

        init(_ name: ObjectName, size: Int) {
            bucket = name.bucket
            key = name.key
            self.size = size
            type = name.type
        }
    }
}
