import ArgumentParser
import RotorClient

struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete an object.",
        discussion: """
            Without a context the node that does it reads first and deletes what it saw. A write that comes in between \
            stays.

              rotor delete cart ann
              rotor delete --context C cart ann    only what the read that showed C saw

            With --json: {"bucket","deleted","key","type"}. Exit code 1 if there was nothing to delete, 4 if the \
            deletion may or may not have happened.
            """)

    @OptionGroup var name: ObjectName
    @OptionGroup var context: ContextOption
    @OptionGroup var quorums: WriteQuorums
    @OptionGroup var reads: ReadQuorums
    @OptionGroup var timeout: TimeoutOption
    @OptionGroup var connection: ConnectOptions
    @OptionGroup var output: JSONOption

    func run() async throws {
        let seen = try context.objectContext()
        let deleted = try await connection.withClient { client in
            try await client.delete(name.objectKey, context: seen, WriteOptions(quorums, reads, timeout))
        }
        if output.json { try JSONOutput.print(Deleted(name, deleted)) }
        if !deleted { throw CommandFailure(.notFound, output.json ? "" : "not found: \(name.text)") }
    }

    private struct Deleted: Encodable {
        var bucket: String
        var deleted: Bool
        var key: String
        var type: String

        init(_ name: ObjectName, _ deleted: Bool) {
            bucket = name.bucket
            self.deleted = deleted
            key = name.key
            type = name.type
        }
    }
}
