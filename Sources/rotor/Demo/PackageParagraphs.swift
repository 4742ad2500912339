import Foundation
import NIOCore

/// What dpkg knows of the packages of this machine: real data of many sizes, under real names.
struct PackageParagraphs {
    struct Paragraph: Sendable {
        var name: String
        var text: ByteBuffer
    }

    static let usualPath = "/var/lib/dpkg/status"

    let paragraphs: [Paragraph]

    /// In the file's order. Paragraphs end at empty lines; a name that comes a second time, for another architecture,
    /// is told apart by it.
    init(_ bytes: ByteBuffer) {
        var paragraphs: [Paragraph] = []
        var names: Set<String> = []
        var rest = bytes
        while let paragraph = Self.next(&rest) {
            guard let name = Self.field("Package", of: paragraph), !name.isEmpty else { continue }
            var key = name
            if names.contains(key) { key += ":" + (Self.field("Architecture", of: paragraph) ?? "") }
            guard names.insert(key).inserted else { continue }
            paragraphs.append(Paragraph(name: key, text: paragraph))
        }
        self.paragraphs = paragraphs
    }

    /// - Throws: If the file is not there or holds nothing.
    static func read(_ path: String) throws(CommandFailure) -> PackageParagraphs {
        let bytes = try ValueSource.file(path).read()
        let found = PackageParagraphs(bytes)
        guard !found.paragraphs.isEmpty else { throw CommandFailure(.refused, "'\(path)' has no package in it") }
        return found
    }

    /// Up to the next empty line, with the line break of its last line.
    private static func next(_ rest: inout ByteBuffer) -> ByteBuffer? {
        while rest.getInteger(at: rest.readerIndex, as: UInt8.self) == UInt8(ascii: "\n") {
            rest.moveReaderIndex(forwardBy: 1)
        }
        guard rest.readableBytes > 0 else { return nil }
        let view = rest.readableBytesView
        var end = view.endIndex
        var index = view.startIndex
        while let lineEnd = view[index...].firstIndex(of: UInt8(ascii: "\n")) {
            index = lineEnd + 1
            if index < view.endIndex, view[index] == UInt8(ascii: "\n") {
                end = index
                break
            }
        }
        return rest.readSlice(length: end - view.startIndex)
    }

    private static func field(_ name: String, of paragraph: ByteBuffer) -> String? {
        let prefix = Array("\(name): ".utf8)
        for line in paragraph.readableBytesView.split(separator: UInt8(ascii: "\n")) where line.starts(with: prefix) {
            return String(decoding: line.dropFirst(prefix.count), as: UTF8.self)
        }
        return nil
    }
}
