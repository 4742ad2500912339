/// Swift has no imports between the files of a module, so the order of the folders in Node is held here: a folder may
/// name its own types and those of the folders before it.
struct FolderOrderRule: HouseRule {
    let name = "folder-order"

    /// First to last; `""` is the target's root, where `StorageNode` joins the machines.
    static let order = ["Events", "Membership", "Replication", "Coordination", ""]

    func findings(in files: [ProjectFile]) -> [Finding] {
        let node = files.filter { $0.target == "Node" && $0.isSwift }
        let declared = Dictionary(grouping: node, by: \.folderInTarget).mapValues { files in
            files.reduce(into: Set<String>()) { $0.formUnion(TypeDeclaration.all(in: $1.tokens).map(\.name)) }
        }
        let topLevel = Dictionary(grouping: node, by: \.folderInTarget).mapValues { files in
            files.reduce(into: Set<String>()) {
                $0.formUnion(TypeDeclaration.all(in: $1.tokens).filter { $0.depth == 0 }.map(\.name))
            }
        }
        return node.flatMap { file -> [Finding] in
            guard let rank = Self.order.firstIndex(of: file.folderInTarget) else {
                return [
                    finding(file, 0, "`\(file.folderInTarget)` is no folder of Node; its folders: \(Self.sentence)")
                ]
            }
            // A nested type may bear the name of a later folder's type; inside its own folder it is meant.
            let own = declared[file.folderInTarget] ?? []
            var later: [String: String] = [:]
            for folder in Self.order[(rank + 1)...] {
                for name in topLevel[folder] ?? [] where !own.contains(name) { later[name] = folder }
            }
            return file.tokens.compactMap { token in
                guard token.kind == .identifier, let folder = later[token.text] else { return nil }
                return finding(
                    file, token.line,
                    "`\(token.text)` is declared in \(Self.title(folder)), which comes after"
                        + " \(Self.title(file.folderInTarget)); folders know only earlier ones: \(Self.sentence)")
            }
        }
    }

    private static func title(_ folder: String) -> String {
        folder.isEmpty ? "the root" : folder
    }

    private static var sentence: String { order.map(title).joined(separator: " < ") }
}

/// A type as a file declares it.
struct TypeDeclaration {
    let name: String
    let line: Int
    /// 0 at the top of the file.
    let depth: Int
    let isPublic: Bool

    private static let keywords: Set = ["struct", "class", "enum", "protocol", "actor", "typealias"]

    static func all(in tokens: [SwiftToken]) -> [TypeDeclaration] {
        var depth = 0
        return tokens.indices.compactMap { index in
            if tokens[index].text == "{" { depth += 1 }
            if tokens[index].text == "}" { depth -= 1 }
            let name = tokens.text(index + 1)
            guard keywords.contains(tokens[index].text), tokens[index].kind == .identifier,
                tokens.text(index - 1) != ".", tokens.text(index - 1) != "import",
                name.first?.isUppercase == true
            else { return nil }
            var before = index - 1
            while ["final", "indirect"].contains(tokens.text(before)) { before -= 1 }
            let isPublic = ["public", "open"].contains(tokens.text(before))
            return TypeDeclaration(name: name, line: tokens[index].line, depth: depth, isPublic: isPublic)
        }
    }
}

/// A public type that bears its module's name makes `Module.Type` unresolvable for importers.
struct ModuleNameRule: HouseRule {
    let name = "module-name"

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.flatMap { file -> [Finding] in
            guard let target = file.target else { return [] }
            return TypeDeclaration.all(in: file.tokens)
                .filter { $0.name == target && $0.depth == 0 && $0.isPublic }
                .map {
                    finding(
                        file, $0.line,
                        "the public type `\(target)` hides the module \(target) from importers: name what it does")
                }
        }
    }
}

/// Folder and file names say what is inside.
struct VagueNameRule: HouseRule {
    let name = "vague-name"

    private static let vague = [
        "Utils", "Util", "Utilities", "Helpers", "Helper", "Common", "Manager", "Managers", "Misc",
    ]

    func findings(in files: [ProjectFile]) -> [Finding] {
        files.filter { $0.path.hasPrefix("Sources/") || $0.path.hasPrefix("Tests/") }.compactMap { file in
            let parts = file.path.split(separator: "/").map { String($0.prefix { $0 != "." && $0 != "+" }) }
            guard let part = parts.first(where: Self.isVague) else { return nil }
            return finding(file, 0, "`\(part)` says nothing of what is inside: name the thing it holds")
        }
    }

    private static func isVague(_ part: String) -> Bool {
        vague.contains { part.caseInsensitiveCompare($0) || part.hasSuffix($0) }
    }
}

extension String {
    fileprivate func caseInsensitiveCompare(_ other: String) -> Bool {
        lowercased() == other.lowercased()
    }
}
