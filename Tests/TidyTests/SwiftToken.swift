/// One word or sign of Swift source, as the rules see it: comments are gone, a string literal is one token whose
/// content nobody reads, but what stands in its interpolations is code like any other.
struct SwiftToken: Equatable {
    enum Kind {
        case identifier
        case number
        case string
        case punctuation
    }

    var kind: Kind
    /// One character for punctuation, `""` for a string.
    var text: String
    /// From 1.
    var line: Int
    /// Whether it touches the token before it.
    var joined: Bool
}

/// Cuts Swift source into tokens. It knows nested comments, raw and multi-line strings and interpolation; bare regex
/// literals are taken for divisions, which does no harm unless one holds a quotation mark.
struct SwiftLexer {
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private var tokens: [SwiftToken] = []
    private var tokenEnd = -1

    static func tokens(of source: String) -> [SwiftToken] {
        var lexer = SwiftLexer(bytes: Array(source.utf8))
        lexer.readCode(untilClosingParenthesis: false)
        return lexer.tokens
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private func byte(at offset: Int = 0) -> UInt8 {
        position + offset < bytes.count ? bytes[position + offset] : 0
    }

    private mutating func advance() {
        if byte() == UInt8(ascii: "\n") { line += 1 }
        position += 1
    }

    private mutating func emit(_ kind: SwiftToken.Kind, _ text: String, from start: Int, line: Int) {
        tokens.append(SwiftToken(kind: kind, text: text, line: line, joined: tokenEnd == start))
        tokenEnd = position
    }

    private mutating func readCode(untilClosingParenthesis: Bool) {
        var depth = 0
        while position < bytes.count {
            let current = byte()
            let next = byte(at: 1)
            if current == UInt8(ascii: "/"), next == UInt8(ascii: "/") {
                while position < bytes.count, byte() != UInt8(ascii: "\n") { position += 1 }
            } else if current == UInt8(ascii: "/"), next == UInt8(ascii: "*") {
                skipBlockComment()
            } else if let hashes = hashesBeforeQuote() {
                readString(hashes: hashes)
            } else if Self.startsWord(current) {
                readWord()
            } else if current <= UInt8(ascii: " ") {
                advance()
            } else {
                if current == UInt8(ascii: "(") { depth += 1 }
                if current == UInt8(ascii: ")") {
                    if untilClosingParenthesis, depth == 0 { return }
                    depth -= 1
                }
                position += 1
                emit(.punctuation, String(UnicodeScalar(current)), from: position - 1, line: line)
            }
        }
    }

    private static func startsWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...: true
        default: false
        }
    }

    private mutating func readWord() {
        let start = position
        while position < bytes.count, Self.startsWord(byte()) { position += 1 }
        let isNumber = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[start])
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        emit(isNumber ? .number : .identifier, text, from: start, line: line)
    }

    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            if byte() == UInt8(ascii: "/"), byte(at: 1) == UInt8(ascii: "*") {
                depth += 1
                position += 2
            } else if byte() == UInt8(ascii: "*"), byte(at: 1) == UInt8(ascii: "/") {
                depth -= 1
                position += 2
            } else {
                advance()
            }
        } while depth > 0 && position < bytes.count
    }

    /// The number of `#` before the quotation mark of a string that starts here; nil where none starts.
    private func hashesBeforeQuote() -> Int? {
        var hashes = 0
        while byte(at: hashes) == UInt8(ascii: "#") { hashes += 1 }
        return byte(at: hashes) == UInt8(ascii: "\"") ? hashes : nil
    }

    private func hashesFollow(_ hashes: Int, at offset: Int) -> Bool {
        (0..<hashes).allSatisfy { byte(at: offset + $0) == UInt8(ascii: "#") }
    }

    private func quoteFollows(_ quotes: Int, hashes: Int) -> Bool {
        (0..<quotes).allSatisfy { byte(at: $0) == UInt8(ascii: "\"") } && hashesFollow(hashes, at: quotes)
    }

    private mutating func readString(hashes: Int) {
        let start = position
        let startLine = line
        position += hashes
        let quotes = quoteFollows(3, hashes: 0) ? 3 : 1
        position += quotes
        emit(.string, "\"\"", from: start, line: startLine)
        while position < bytes.count, !quoteFollows(quotes, hashes: hashes) {
            if byte() == UInt8(ascii: "\\"), hashesFollow(hashes, at: 1) {
                position += 1 + hashes
                if byte() == UInt8(ascii: "(") {
                    position += 1
                    readCode(untilClosingParenthesis: true)
                }
                advance()
            } else if byte() == UInt8(ascii: "\n"), quotes == 1 {
                // Not Swift: take the literal as ended, so that one misread line can't hide the rest of the file.
                return
            } else {
                advance()
            }
        }
        position = min(position + quotes + hashes, bytes.count)
        tokenEnd = position
    }
}
