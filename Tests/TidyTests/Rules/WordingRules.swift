import Foundation

/// Words and signs that trap: input must never reach one.
struct TrapRule: HouseRule {
    let name = "no-trap"

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.filter { $0.target != nil && !$0.isGenerated }.flatMap { file in
            let tokens = file.tokens
            return tokens.indices.compactMap { index -> Finding? in
                let line = tokens[index].line
                let isForced = tokens.text(index + 1) == "!" && tokens[index + 1].joined
                switch tokens[index].text {
                case "try" where isForced:
                    return finding(file, line, "`try!`: let the error through, or handle it")
                case "as" where isForced:
                    return finding(file, line, "`as!`: cast with `as?` and say what to do when it is nil")
                case "fatalError" where tokens.text(index + 1) == "(":
                    return finding(
                        file, line,
                        "`fatalError`: throw a typed error for what can be expected; for a broken invariant use"
                            + " `precondition` with the state in its message")
                default:
                    return nil
                }
            }
        }
    }
}

/// A test that waits for time to pass is slow on a fast machine and fails on a slow one.
struct SleepingTestRule: HouseRule {
    let name = "no-sleeping-test"

    private static let calls: Set = ["sleep", "usleep", "nanosleep"]

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.filter { $0.path.hasPrefix("Tests/") }.flatMap { file in
            file.tokens.indices.compactMap { index in
                guard Self.calls.contains(file.tokens[index].text), file.tokens.text(index + 1) == "(" else {
                    return nil
                }
                return finding(
                    file, file.tokens[index].line,
                    "`\(file.tokens[index].text)(` in a test: wait for the event itself, or hand the time in")
            }
        }
    }
}

/// Texts that must not stand in any file of the project, comments and documents included.
struct BannedTextRule: HouseRule {
    let name: String
    let texts: [String]
    /// Only where neither a letter, a digit nor one of `_.` touches the text.
    let standsAlone: Bool
    let instead: String

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.flatMap { file in
            file.lines.indices.flatMap { index -> [Finding] in
                texts.filter { contains($0, in: file.lines[index]) }.map {
                    finding(file, index + 1, "`\($0)`: \(instead)")
                }
            }
        }
    }

    private func contains(_ text: String, in line: String) -> Bool {
        var rest = line[...]
        while let range = rest.range(of: text) {
            if !standsAlone { return true }
            let before = range.lowerBound > line.startIndex ? line[line.index(before: range.lowerBound)] : " "
            let after = range.upperBound < line.endIndex ? line[range.upperBound] : " "
            let touchesBefore = before.isLetter || before.isNumber || before == "_" || before == "."
            let touchesAfter = text.last != "/" && (after.isLetter || after.isNumber || after == "_")
            if !touchesBefore, !touchesAfter { return true }
            rest = line[range.upperBound...]
        }
        return false
    }

    // The texts are put together here, so that this file does not hold them.

    static let leftForLater = BannedTextRule(
        name: "nothing-left-for-later", texts: ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"], standsAlone: true,
        instead: "do it now, or write what is missing into the document that promises it")

    static let machinePaths = BannedTextRule(
        name: "no-machine-path",
        texts: ["/wo" + "rk/", "/ro" + "ot/", "/fa" + "rm/", "/opt/sw" + "ift", "/tmp/w" + "t", "/tmp/pl" + "an"],
        standsAlone: true, instead: "a path of one machine; write it relative to the project or to a folder of its own")

    static let workplaceWords = BannedTextRule(
        name: "no-workplace-word",
        texts: ["issues sh" + "ow", "sub-hel" + "per", "iss" + "ue 1", "iss" + "ue 2", "iss" + "ue 3", "(#iss" + "ue"],
        standsAlone: false, instead: "a reader of the project knows nothing of that: say the reason itself")
}

/// What documents say is there must be there: paths in backticks below the project's folders, and relative links.
struct DocumentedPathRule: HouseRule {
    let name = "documented-path"

    func findings(in files: [ProjectFile]) -> [Finding] {
        var known = Set(files.map(\.path))
        for file in files {
            var parts = file.path.split(separator: "/").dropLast()
            while !parts.isEmpty {
                known.insert(parts.joined(separator: "/"))
                parts.removeLast()
            }
        }
        return files.filter { $0.path.hasSuffix(".md") }.flatMap { file in
            file.lines.indices.flatMap { index in
                Self.paths(in: file.lines[index], of: file).filter { !known.contains($0) }.map {
                    finding(file, index + 1, "`\($0)` does not exist: name the file as it is, or drop the sentence")
                }
            }
        }
    }

    static func paths(in line: String, of file: ProjectFile) -> [String] {
        let quoted = line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
            .filter { text in
                ProjectFiles.folders.contains { text.hasPrefix($0 + "/") }
                    && !text.contains { " *<>{}…".contains($0) }
            }
        let folder = file.path.split(separator: "/").dropLast().joined(separator: "/")
        let linked = line.components(separatedBy: "](").dropFirst().compactMap { rest -> String? in
            let path = String(rest.prefix { $0 != ")" && $0 != "#" })
            guard !path.isEmpty, !path.contains("://"), !path.hasPrefix("mailto:") else { return nil }
            return resolved(folder.isEmpty ? path : folder + "/" + path)
        }
        return quoted.map(resolved) + linked
    }

    private static func resolved(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", !parts.isEmpty { parts.removeLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }
}

/// The lines that `make run` prints are the ones that the README explains.
struct FirstStepsRule: HouseRule {
    let name = "first-steps"

    private static let printed = "scripts/first-steps.txt"

    func findings(in files: [ProjectFile]) -> [Finding] {
        guard let steps = files.first(where: { $0.path == Self.printed }),
            let readme = files.first(where: { $0.path == "README.md" })
        else {
            return [
                Finding(path: Self.printed, line: 0, rule: name, message: "it and README.md are both needed")
            ]
        }
        let explained = Set(readme.lines.map { $0.trimmingCharacters(in: .whitespaces) })
        return steps.lines.indices.compactMap { index in
            let line = steps.lines[index].trimmingCharacters(in: .whitespaces)
            let isCommand = ["curl ", "context=", ".build/"].contains { line.hasPrefix($0) }
            guard isCommand, !explained.contains(line) else { return nil }
            return finding(steps, index + 1, "README.md does not show `\(line)`: keep the two alike")
        }
    }
}
