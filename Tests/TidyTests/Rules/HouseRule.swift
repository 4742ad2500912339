/// One place where the project breaks a house rule.
struct Finding: Equatable, CustomStringConvertible {
    let path: String
    /// From 1; 0 where the rule is about the file as a whole.
    let line: Int
    let rule: String
    /// What is wrong and what to write instead.
    let message: String

    var description: String {
        line > 0 ? "\(path):\(line): [\(rule)] \(message)" : "\(path): [\(rule)] \(message)"
    }
}

/// A house rule that looks at the whole project at once; most look at one file after the other.
protocol HouseRule: Sendable {
    var name: String { get }
    func findings(in files: [ProjectFile]) -> [Finding]
}

extension HouseRule {
    func finding(_ file: ProjectFile, _ line: Int, _ message: String) -> Finding {
        Finding(path: file.path, line: line, rule: name, message: message)
    }
}

extension [SwiftToken] {
    /// The text at `index`, `""` outside: rules look around a token without asking where the file ends.
    func text(_ index: Int) -> String {
        indices.contains(index) ? self[index].text : ""
    }

    /// Whether the tokens from `index` on are exactly these.
    func match(_ texts: [String], at index: Int) -> Bool {
        texts.indices.allSatisfy { text(index + $0) == texts[$0] }
    }

    /// The index of the bracket that closes the one at `index`; the last index where none does.
    func closing(_ index: Int) -> Int {
        let pairs = ["(": ")", "[": "]", "{": "}"]
        guard let close = pairs[text(index)] else { return index }
        let open = text(index)
        var depth = 0
        for position in index..<count {
            if self[position].text == open { depth += 1 }
            if self[position].text == close {
                depth -= 1
                if depth == 0 { return position }
            }
        }
        return count - 1
    }

    /// The index of the bracket that opens what the one at `index` closes; `index` itself where it closes nothing.
    func opening(_ index: Int) -> Int {
        let pairs = [")": "(", "]": "[", "}": "{"]
        guard let open = pairs[text(index)] else { return index }
        let close = text(index)
        var depth = 0
        for position in stride(from: index, through: 0, by: -1) {
            if self[position].text == close { depth += 1 }
            if self[position].text == open {
                depth -= 1
                if depth == 0 { return position }
            }
        }
        return index
    }
}
