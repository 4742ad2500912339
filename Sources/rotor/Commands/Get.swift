import ArgumentParser
import NIOCore
import RiakWire
import RotorClient

struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print an object's value, or its siblings.",
        discussion: """
            A single value is printed as it is. Concurrent writes are siblings: they are listed with their tags, times \
            and sizes, and the context that a write needs to supersede them all.

              rotor get cart ann
              rotor get --r all cart ann           wait for all replicas
              rotor get --sibling 2 cart ann       the second sibling's bytes, unchanged
              rotor get --raw photos p1 > p1.jpg   the bytes; siblings are refused
              rotor get --json cart ann            everything, the context too

            With --json: {"bucket","context","found","key","node","siblings":[{"content_type","deleted", \
            "last_modified","size","tag","value" or "value_base64"}],"type"}; no context where nothing is known of the \
            object. Exit code 1 if there is none.
            """)

    @OptionGroup var name: ObjectName
    @OptionGroup var quorums: ReadQuorums
    @OptionGroup var timeout: TimeoutOption
    @OptionGroup var connection: ConnectOptions
    @OptionGroup var output: JSONOption

    @Option(name: .long, help: ArgumentHelp("Write just this sibling's bytes, counted from 1.", valueName: "number"))
    var sibling: Int?

    @Flag(name: .long, help: "Write the value's bytes and nothing else; refuse siblings.")
    var raw = false

    func validate() throws {
        if let sibling, sibling < 1 { throw ValidationError("--sibling counts from 1") }
        if output.json, sibling != nil || raw { throw ValidationError("--json goes without --raw and --sibling") }
        if sibling != nil, raw { throw ValidationError("--sibling writes raw bytes by itself; leave --raw out") }
    }

    func run() async throws {
        let object = try await connection.withClient { client in
            try await client.get(name.objectKey, ReadOptions(quorums, timeout))
        }
        if output.json {
            try JSONOutput.print(ObjectDescription(object, name))
            if !object.isFound { throw CommandFailure(.notFound, "") }
            return
        }
        guard object.isFound else { throw CommandFailure(.notFound, "not found: \(name.text)") }
        if let sibling {
            guard sibling <= object.versions.count else {
                throw CommandFailure(.notFound, "no sibling \(sibling): \(name.text) has \(object.versions.count)")
            }
            try write(object.versions[sibling - 1])
        } else if object.versions.count == 1 {
            try write(object.versions[0])
        } else if raw {
            throw CommandFailure(
                .refused,
                "\(name.text) has \(object.versions.count) siblings; choose one with --sibling, or reconcile them")
        } else {
            for line in SiblingListing(object, name).lines { try StandardStreams.print(line) }
        }
    }

    private func write(_ version: StoredVersion) throws(CommandFailure) {
        guard !version.isDeletion else { throw CommandFailure(.notFound, "this sibling of \(name.text) is a deletion") }
        try StandardStreams.write(version.value)
        // So that the prompt does not stick to the value; in a pipe not a byte is added.
        let endsLine = version.value.readableBytesView.last == UInt8(ascii: "\n")
        if StandardStreams.outputIsTerminal, !raw, sibling == nil, !endsLine { try StandardStreams.print("") }
    }
}

/// What a person sees of siblings.
struct SiblingListing {
    /// Longer values are cut in the listing.
    static let shownBytes = 1024

    private let object: StoredObject
    private let name: ObjectName

    init(_ object: StoredObject, _ name: ObjectName) {
        self.object = object
        self.name = name
    }

    var lines: [String] {
        var lines = [
            "\(object.versions.count) siblings: concurrent writes, to be reconciled by whoever understands them"
        ]
        for (index, version) in object.versions.enumerated() {
            let kind =
                version.isDeletion ? "a deletion" : "\(version.value.readableBytes.asBytes), \(version.contentType)"
            lines.append("")
            lines.append("\(index + 1)  tag \(version.tag), \(version.lastModified), \(kind)")
            if !version.isDeletion { lines += shown(version.value, number: index + 1) }
        }
        lines.append("")
        lines.append("context \(object.context?.text ?? "none")")
        return lines
    }

    private func shown(_ value: ByteBuffer, number: Int) -> [String] {
        let hint = "rotor get --sibling \(number) writes it all"
        guard value.readableBytes > 0 else { return ["   (empty)"] }
        guard let text = value.validText,
            !text.unicodeScalars.contains(where: { $0.value < 32 && !"\t\n\r".contains(Character($0)) })
        else { return ["   (not text; \(hint))"] }
        let head = text.prefix(Self.shownBytes)
        var lines = head.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { "   \($0)" }
        if head.endIndex < text.endIndex { lines.append("   … (\(hint))") }
        return lines
    }
}

/// What `rotor get --json` prints.
struct ObjectDescription: Encodable {
    struct Sibling: Encodable {
        var contentType: String
        var deleted: Bool
        var lastModified: String
        var size: Int
        var tag: String
        /// The value as text, where it is text.
        var value: String?
        var valueBase64: String?
    }

    var bucket: String
    /// Absent if nothing is known of the object.
    var context: String?
    var found: Bool
    var key: String
    /// The node that was asked.
    var node: String
    var siblings: [Sibling]
    var type: String

    init(_ object: StoredObject, _ name: ObjectName) {
        bucket = name.bucket
        context = object.context?.text
        found = object.isFound
        key = name.key
        node = object.endpoint.description
        type = name.type
        siblings = object.versions.map { version in
            let text = version.value.validText
            return Sibling(
                contentType: version.contentType, deleted: version.isDeletion, lastModified: version.lastModified,
                size: version.value.readableBytes, tag: version.tag, value: text,
                valueBase64: text == nil ? Base64.encoded(version.value) : nil)
        }
    }
}
