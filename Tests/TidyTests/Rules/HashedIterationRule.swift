/// The order of a dictionary or a set differs from process to process, so it must not show in what a replayed target
/// does. Flags loops over such a thing and calls that visit it in its own order, unless the result is sorted at once.
///
/// It reads text, not types: a name counts as hashed where the file declares it so, or where another file of the target
/// does and no file declares it otherwise. `// order-free: REASON` on the line or the line above lets one place pass.
struct HashedIterationRule: HouseRule {
    let name = "no-hashed-iteration"

    static let pass = "// order-free: "

    /// Members whose result depends on the order. `filter`, `mapValues`, `contains` and `allSatisfy` do not.
    private static let ordered: Set = [
        "map", "flatMap", "compactMap", "forEach", "reduce", "first", "popFirst", "removeFirst", "prefix", "dropFirst",
        "dropLast", "suffix", "enumerated", "makeIterator", "lazy", "joined", "startIndex", "randomElement", "shuffled",
        "reversed", "elementsEqual", "description",
    ]
    /// With a closure these meet equals in the collection's order; without one, equals are alike.
    private static let extremes: Set = ["min", "max"]
    private static let orderFree: Set = ["sorted", "count", "isEmpty", "contains", "allSatisfy"]
    /// Functions and types that take a sequence and keep its order.
    private static let takers: Set = ["Array", "ContiguousArray", "ArraySlice", "Deque", "zip", "AnySequence"]

    func findings(in files: [ProjectFile]) -> [Finding] {
        let replayed = files.filter { $0.target.map(PureTargets.replayed.contains) ?? false }
        return Dictionary(grouping: replayed) { $0.target ?? "" }.sorted { $0.key < $1.key }.flatMap { _, files in
            let declared = files.map { HashedNames(in: $0.tokens) }
            let hashedElsewhere = declared.reduce(into: Set<String>()) { $0.formUnion($1.hashed) }
            let otherwise = declared.reduce(into: Set<String>()) { $0.formUnion($1.otherwise) }
            return zip(files, declared).flatMap { file, names in
                findings(
                    in: file, hashed: names.hashed.union(hashedElsewhere.subtracting(otherwise)),
                    holdsHashed: names.holdsHashed)
            }
        }
    }

    private func findings(in file: ProjectFile, hashed: Set<String>, holdsHashed: Set<String>) -> [Finding] {
        let tokens = file.tokens
        return tokens.indices.compactMap { index -> Finding? in
            let token = tokens[index]
            let isHashed = hashed.contains(token.text)
            guard token.kind == .identifier, isHashed || holdsHashed.contains(token.text) else { return nil }
            // `name[key]` of a dictionary of sets is a set; any other subscript gives an element.
            var end = index + 1
            if tokens.text(end) == "[", tokens.indices.contains(end), tokens[end].joined {
                guard holdsHashed.contains(token.text) else { return nil }
                end = tokens.closing(end) + 1
            } else if !isHashed {
                return nil
            }
            if tokens.text(end) == "(", tokens[end].joined { end = tokens.closing(end) + 1 }
            while ["!", "?"].contains(tokens.text(end)) { end += 1 }
            guard let use = orderedUse(of: tokens, from: index, to: end), !passes(file, line: token.line) else {
                return nil
            }
            return finding(
                file, token.line,
                "\(use) visits `\(token.text)` in the order of its hashes: sort it first, keep a sorted array, or write"
                    + " `\(Self.pass)REASON` above if the order cannot show")
        }
    }

    private func passes(_ file: ProjectFile, line: Int) -> Bool {
        [line - 1, line - 2].contains { file.lines.indices.contains($0) && file.lines[$0].contains(Self.pass) }
    }

    /// How the expression that starts at `start` and whose name ends before `end` shows the order; nil if it does not.
    private func orderedUse(of tokens: [SwiftToken], from start: Int, to end: Int) -> String? {
        var first = start
        while first >= 2, tokens.text(first - 1) == "." { first = tokens.opening(first - 2) }
        while ["try", "consume", "copy"].contains(tokens.text(first - 1)) { first -= 1 }
        if tokens.text(end) == "." {
            let member = tokens.text(end + 1)
            if member == "keys" || member == "values" {
                guard tokens.text(end + 2) == "." else {
                    return loopOrTaker(of: tokens, from: first, to: end + 2) ?? "`.\(member)`"
                }
                let next = tokens.text(end + 3)
                if Self.orderFree.contains(next)
                    || Self.extremes.contains(next) && tokens.match(["(", ")"], at: end + 4)
                {
                    return nil
                }
                return "`.\(member).\(next)`"
            }
            if Self.extremes.contains(member), !tokens.match(["(", ")"], at: end + 2) { return "`.\(member)`" }
            return Self.ordered.contains(member) ? "`.\(member)`" : nil
        }
        return loopOrTaker(of: tokens, from: first, to: end)
    }

    private func loopOrTaker(of tokens: [SwiftToken], from first: Int, to end: Int) -> String? {
        let before = tokens.text(first - 1)
        if before == "in", ["{", "where"].contains(tokens.text(end)), isLoop(tokens, at: first - 1) {
            return "`for … in`"
        }
        guard tokens.text(end) == ")" || tokens.text(end) == "," else { return nil }
        if before == ":", tokens.text(first - 2) == "contentsOf" { return "`contentsOf:`" }
        if before == "(" || before == ",", let taker = taker(of: tokens, around: first - 1) {
            let close = tokens.closing(taker + 1)
            return tokens.match([".", "sorted"], at: close + 1) ? nil : "`\(tokens[taker].text)(`"
        }
        return nil
    }

    /// Whether the `in` at `index` belongs to a `for`, and not to a closure's parameters.
    private func isLoop(_ tokens: [SwiftToken], at index: Int) -> Bool {
        var position = index - 1
        while position >= 0, !["{", "}", ";"].contains(tokens[position].text) {
            if tokens[position].text == "for" { return true }
            position -= 1
        }
        return false
    }

    /// The order-keeping function whose argument list is open at `index`.
    private func taker(of tokens: [SwiftToken], around index: Int) -> Int? {
        var depth = 0
        var position = index
        while position > 0, !["{", "}"].contains(tokens[position].text) {
            if tokens[position].text == ")" { depth += 1 }
            if tokens[position].text == "(" {
                if depth == 0 { return Self.takers.contains(tokens.text(position - 1)) ? position - 1 : nil }
                depth -= 1
            }
            position -= 1
        }
        return nil
    }
}
