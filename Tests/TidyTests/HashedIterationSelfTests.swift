import Testing

@Suite("Iteration over dictionaries and sets is found")
struct HashedIterationSelfTests {
    private func lines(_ text: String, elsewhere: String = "") -> [Int] {
        HashedIterationRule().findings(in: [
            ProjectFile(path: "Sources/Node/Made.swift", text: text),
            ProjectFile(path: "Sources/Node/Other.swift", text: elsewhere),
        ]).filter { $0.path == "Sources/Node/Made.swift" }.map(\.line)
    }

    @Test("loops and ordered calls over a name declared as a dictionary or set")
    func namesOfTheFile() {
        let text = """
            struct S {
                var peers: [MemberID: Peer] = [:]
                private var seen = Set<Dot>()
                let list: [Peer]
                func f(_ extra: Dictionary<Int, Int>?) {
                    for (id, peer) in peers { g(id, peer) }
                    for dot in self.seen where dot.counter > 1 { g(dot) }
                    for peer in list { g(peer) }
                    for id in peers.keys.sorted() { g(id) }
                    let a = peers.values.map(\\.name)
                    peers.forEach { g($0) }
                    let b = Array(seen)
                    let c = Array(seen).sorted()
                    let d = peers.sorted { $0.key < $1.key }
                    let e = seen.contains(dot) && peers[id] != nil && peers.count > 2
                    let h = extra!.first
                    let i = list.map(\\.name)
                    var k: [MemberID] = []
                    k.append(contentsOf: peers.keys)
                    let m = seen.min()
                    let n = peers.min { $0.value < $1.value }
                    let o = zip(list, seen)
                }
            }
            """
        #expect(lines(text) == [6, 7, 10, 11, 12, 16, 19, 21, 22])
    }

    @Test("sets inside a dictionary, aliases and results of functions")
    func nestedAndNamedTypes() {
        let text = """
            typealias Rows = [Int: Row]
            var holders: [Int: Set<MemberID>] = [:]
            var rows: Rows
            func missing(_ n: Int) throws(E) -> Set<Int> { [] }
            for member in holders[3, default: []] { g(member) }
            for row in rows { g(row) }
            for n in try missing(3) { g(n) }
            let one = holders[3]!.first
            let two = holders[3]?.count
            """
        #expect(lines(text) == [5, 6, 7, 8])
    }

    @Test("a dictionary that another file of the target declares, unless the name means something else too")
    func namesOfTheTarget() {
        #expect(lines("for p in state.peers { g(p) }", elsewhere: "struct S { var peers: [Int: Peer] }") == [1])
        #expect(
            lines(
                "for p in state.peers { g(p) }",
                elsewhere: "struct S { var peers: [Int: Peer] }\nstruct T { var peers: [Peer] }"
            ).isEmpty)
    }

    @Test("a reason lets one place pass, and arrays are left alone")
    func passes() {
        let text = """
            var seen: Set<Int> = []
            \(HashedIterationRule.pass)a sum does not depend on the order
            for n in seen { sum += n }
            for n in seen { sum += n }
            var rows = [wide ? first : second]
            for row in rows { g(row) }
            let numbers: [[Int]] = [[1]]
            for n in numbers[0] { g(n) }
            rows.map { value in seen }
            """
        #expect(lines(text) == [4])
    }
}
