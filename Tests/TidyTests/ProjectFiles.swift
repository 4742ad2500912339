import Foundation

/// A file of the project, read once.
struct ProjectFile {
    /// Relative to the project's root, with `/` between its parts: `Sources/Node/StorageNode.swift`.
    let path: String
    let lines: [String]
    /// Of a Swift file; empty for any other.
    let tokens: [SwiftToken]

    init(path: String, text: String) {
        self.path = path
        // "\r\n" is one Character, so a file with those would be one line: cut by scalar.
        var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        self.lines = lines
        tokens = path.hasSuffix(".swift") ? SwiftLexer.tokens(of: text) : []
    }

    /// `Node` for anything in `Sources/Node`, nil outside `Sources`.
    var target: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }

    /// What lies between the target's folder and the file's name: `Coordination`, or `""` at the target's root.
    var folderInTarget: String {
        path.split(separator: "/").dropFirst(2).dropLast().joined(separator: "/")
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var isGenerated: Bool { path.hasSuffix(".pb.swift") }
}

/// The project as it lies on disk around this test.
struct ProjectFiles {
    let files: [ProjectFile]

    /// Folders at the root that hold what people wrote; everything else there (build products, data) is none of ours.
    static let folders = ["Sources", "Tests", "docs", "scripts", ".ci"]

    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static let project = Result { try ProjectFiles(readingFrom: root) }

    init(readingFrom root: URL) throws {
        let manager = FileManager.default
        var paths = try manager.contentsOfDirectory(atPath: root.path).filter { name in
            !name.hasPrefix(".") || name == ".swift-format" || name == ".gitignore"
        }
        .filter { name in
            var isDirectory: ObjCBool = false
            return manager.fileExists(atPath: root.appending(path: name).path, isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }
        for folder in Self.folders {
            guard let walker = manager.enumerator(atPath: root.appending(path: folder).path) else { continue }
            for case let path as String in walker
            where walker.fileAttributes?[.type] as? FileAttributeType == .typeRegular {
                paths.append(folder + "/" + path)
            }
        }
        // A file that is no text (a picture) holds nothing for these rules.
        files = paths.sorted().compactMap { path in
            guard let data = manager.contents(atPath: root.appending(path: path).path),
                let text = String(data: data, encoding: .utf8)
            else { return nil }
            return ProjectFile(path: path, text: text)
        }
    }
}
