/// The names that a file declares with a dictionary or set type, and those that it declares with another one.
struct HashedNames {
    private(set) var hashed: Set<String> = []
    private(set) var otherwise: Set<String> = []
    /// Dictionaries and arrays whose elements are hashed themselves.
    private(set) var holdsHashed: Set<String> = []

    private var aliases: Set<String> = []
    private let tokens: [SwiftToken]

    private struct HashedType {
        /// The first token of the type of its values; nil for a set.
        var value: Int?
    }

    init(in tokens: [SwiftToken]) {
        self.tokens = tokens
        for index in tokens.indices where tokens[index].text == "typealias" && tokens.text(index + 2) == "=" {
            if hashedType(at: index + 3) != nil { aliases.insert(tokens.text(index + 1)) }
        }
        for index in tokens.indices where tokens[index].kind == .identifier {
            let declares = ["var", "let"].contains(tokens.text(index - 1))
            if tokens.text(index + 1) == ":", tokens.text(index - 1) != "?" {
                note(tokens[index].text, typeAt: index + 2, isDeclaration: declares)
            } else if tokens.text(index + 1) == "=", declares {
                note(tokens[index].text, typeAt: index + 2, isDeclaration: true)
            } else if tokens[index].text == "func", let result = resultType(ofFunctionAt: index) {
                note(tokens.text(index + 1), typeAt: result, isDeclaration: true)
            }
        }
    }

    private func resultType(ofFunctionAt index: Int) -> Int? {
        var position = index + 2
        while position < tokens.count, tokens[position].text != "(" {
            guard !["{", "}"].contains(tokens[position].text) else { return nil }
            position += 1
        }
        position = tokens.closing(position) + 1
        while ["throws", "rethrows"].contains(tokens.text(position)) {
            position += 1
            if tokens.text(position) == "(" { position = tokens.closing(position) + 1 }
        }
        return tokens.match(["-", ">"], at: position) ? position + 2 : nil
    }

    private mutating func note(_ name: String, typeAt start: Int, isDeclaration: Bool) {
        var index = start
        while ["inout", "borrowing", "consuming", "sending", "(", "any", "some"].contains(tokens.text(index)) {
            index += 1
        }
        if let type = hashedType(at: index) {
            hashed.insert(name)
            if let value = type.value, hashedType(at: value) != nil { holdsHashed.insert(name) }
        } else {
            // A label in a call looks like a parameter: it says nothing of the name.
            if isDeclaration { otherwise.insert(name) }
            if tokens.text(index) == "[", hashedType(at: index + 1) != nil { holdsHashed.insert(name) }
        }
    }

    /// What the type, or the literal, that starts at `index` is, if it is hashed.
    private func hashedType(at index: Int) -> HashedType? {
        switch tokens.text(index) {
        case "Set":
            return HashedType(value: nil)
        case "Dictionary":
            guard tokens.text(index + 1) == "<" else { return HashedType(value: nil) }
            return HashedType(value: separator(",", from: index + 2, closedBy: ">").map { $0 + 1 })
        case "[":
            return separator(":", from: index + 1, closedBy: "]").map { HashedType(value: $0 + 1) }
        case let name where aliases.contains(name):
            return HashedType(value: nil)
        default:
            return nil
        }
    }

    /// The separator at the bracket depth of `start`, before the sign that closes it.
    private func separator(_ separator: String, from start: Int, closedBy close: String) -> Int? {
        var depth = 0
        for index in start..<tokens.count {
            let text = tokens[index].text
            if depth == 0 {
                if text == separator { return index }
                // `[a ? b : c]` is an array; an optional's mark touches its type.
                let isTernary = text == "?" && !tokens[index].joined
                if text == close || isTernary || ["{", "}", ";"].contains(text) { return nil }
            }
            if ["(", "[", "<"].contains(text) { depth += 1 }
            if [")", "]"].contains(text) || text == ">" && tokens.text(index - 1) != "-" { depth -= 1 }
        }
        return nil
    }
}
