import Foundation
import Logging
import NIOCore

/// Log lines for programs: one JSON object a line on standard error, names sorted.
struct JSONLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata = Logger.Metadata()
    var metadataProvider: Logger.MetadataProvider?
    private let label: String

    init(label: String) {
        self.label = label
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = (metadataProvider?.get() ?? [:])
            .merging(metadata) { _, later in later }
            .merging(event.metadata ?? [:]) { _, later in later }
        let line = Line(
            time: Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)),
            level: event.level.rawValue,
            label: label, message: event.message.description, metadata: all.mapValues { "\($0)" })
        StandardStreams.note(line.text)
    }

    struct Line: Encodable {
        var time: String
        var level: String
        var label: String
        var message: String
        var metadata: [String: String]

        /// With its line break: one write, so that lines of several threads do not mix.
        var text: String {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            do {
                return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
            } catch {
                return "{\"level\":\"error\",\"message\":\"a log line cannot be written as JSON\"}\n"
            }
        }
    }
}
