import Foundation
import NIOCore

/// What `--json` prints: one object on one line, its names sorted, so that equal answers have equal bytes.
enum JSONOutput {
    static func print(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        var line = ByteBuffer(bytes: try encoder.encode(value))
        line.writeStaticString("\n")
        try StandardStreams.write(line)
    }
}

extension ByteBuffer {
    /// The bytes as text; nil if they are none.
    var validText: String? {
        String(validating: readableBytesView, as: UTF8.self)
    }
}
