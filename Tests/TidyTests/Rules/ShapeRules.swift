/// A file is read in one sitting.
struct FileLengthRule: HouseRule {
    let name = "file-length"

    static let longest = 500
    /// Grows with every release by its nature.
    private static let exempt: Set = ["CHANGELOG.md"]

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.compactMap { file in
            guard !file.isGenerated, !Self.exempt.contains(file.path), file.lines.count > Self.longest else {
                return nil
            }
            return finding(
                file, 0, "\(file.lines.count) lines, \(Self.longest) at most: cut it where its subject changes")
        }
    }
}

/// Code fits beside its diff. Tables in Markdown and generated code may be wider.
struct LineWidthRule: HouseRule {
    let name = "line-width"

    static let widest = 120
    private static let suffixes = [".swift", ".h", ".modulemap", ".sh", "Makefile", ".ci/run"]

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.flatMap { file -> [Finding] in
            guard !file.isGenerated, Self.suffixes.contains(where: file.path.hasSuffix) else { return [] }
            return file.lines.indices.compactMap { index in
                guard file.lines[index].utf8.count > Self.widest, file.lines[index].count > Self.widest else {
                    return nil
                }
                return finding(
                    file, index + 1, "\(file.lines[index].count) columns, \(Self.widest) at most: break the line")
            }
        }
    }
}

/// A function with its length in lines, from the brace that opens its body to the one that closes it.
struct MeasuredFunction: Equatable {
    let name: String
    let line: Int
    let lines: Int

    static func all(in tokens: [SwiftToken]) -> [MeasuredFunction] {
        tokens.indices.compactMap { index in
            guard tokens[index].kind == .identifier, tokens.text(index - 1) != "." else { return nil }
            let name: String
            switch tokens[index].text {
            case "func": name = tokens.text(index + 1)
            case "init" where ["(", "<", "?"].contains(tokens.text(index + 1)): name = "init"
            case "deinit" where tokens.text(index + 1) == "{": name = "deinit"
            default: return nil
            }
            guard let body = body(from: index + 1, in: tokens) else { return nil }
            let lines = tokens[tokens.closing(body)].line - tokens[body].line + 1
            return MeasuredFunction(name: name, line: tokens[index].line, lines: lines)
        }
    }

    private static let nextDeclaration: Set = [
        "func", "var", "let", "init", "deinit", "subscript", "case", "associatedtype", "typealias", "struct", "class",
        "enum", "extension", "protocol", "public", "private", "fileprivate", "internal", "package", "static",
        "mutating",
        "nonisolated", "override", "import",
    ]

    /// The brace that opens the body of the declaration whose signature goes on at `start`; nil for a requirement.
    private static func body(from start: Int, in tokens: [SwiftToken]) -> Int? {
        var index = start
        while index < tokens.count {
            switch tokens[index].text {
            case "{": return index
            case "}", "@": return nil
            case "(", "[": index = tokens.closing(index)
            case let word where index > start && nextDeclaration.contains(word): return nil
            default: break
            }
            index += 1
        }
        return nil
    }
}

/// A function is seen whole. The number of longer ones is written down and can only go down.
struct FunctionLengthRule: HouseRule {
    let name = "function-length"

    static let longest = 70
    /// Functions longer than that which may stand for now.
    let allowed: Int

    func findings(in files: [ProjectFile]) -> [Finding] {
        let long = files.filter { !$0.isGenerated }.flatMap { file in
            MeasuredFunction.all(in: file.tokens).filter { $0.lines > Self.longest }.map { function in
                finding(
                    file, function.line,
                    "`\(function.name)` has \(function.lines) lines, \(Self.longest) at most: give its parts names")
            }
        }
        guard long.count < allowed else { return long.count > allowed ? long : [] }
        return [
            Finding(
                path: "Tests/TidyTests/TidyTests.swift", line: 0, rule: name,
                message:
                    "only \(long.count) functions are over \(Self.longest) lines now: lower `allowed` from \(allowed)")
        ]
    }
}
