import Testing

@Suite("The lexer sees code and only code")
struct SwiftLexerTests {
    private func texts(_ source: String) -> [String] {
        SwiftLexer.tokens(of: source).map(\.text)
    }

    @Test("comments are gone, also nested ones, and lines are counted through them")
    func comments() {
        let tokens = SwiftLexer.tokens(of: "a // b\n/* c /* d */\n e */ f")
        #expect(tokens.map(\.text) == ["a", "f"])
        #expect(tokens.map(\.line) == [1, 3])
    }

    @Test("a string's content is gone, its interpolations stay")
    func strings() {
        #expect(
            texts("x = \"try! \\(f(\"y\", (1))) // no\" + z") == [
                "x", "=", "\"\"", "f", "(", "\"\"", ",", "(", "1", ")", ")", "+", "z",
            ])
        #expect(texts("#\"a \"b\" \\(c) \\#(d)\"# e") == ["\"\"", "d", "e"])
        #expect(texts("\"\"\"\n \"a\" \\\"\"\"\n \\(b)\n\"\"\" c") == ["\"\"", "b", "c"])
        #expect(texts("\"\\\\\" a \"\\\"\" b") == ["\"\"", "a", "\"\"", "b"])
        #expect(texts("\"\" a") == ["\"\"", "a"])
    }

    @Test("a string that does not end hides its line only")
    func unterminated() {
        #expect(texts("let a = \"b\nlet c") == ["let", "a", "=", "\"\"", "let", "c"])
    }

    @Test("tokens know whether they touch")
    func joined() {
        #expect(SwiftLexer.tokens(of: "a! b !").map(\.joined) == [false, true, false, false])
    }
}
