import Testing

/// Each rule is shown code that breaks it and code that keeps it: a rule that cannot fail holds nothing.
@Suite("Each house rule can fail")
struct RuleSelfTests {
    private func findings(
        _ rule: some HouseRule, _ text: String, in path: String = "Sources/Node/Coordination/Made.swift"
    ) -> [Finding] {
        rule.findings(in: [ProjectFile(path: path, text: text)])
    }

    private func lines(
        _ rule: some HouseRule, _ text: String, in path: String = "Sources/Node/Coordination/Made.swift"
    ) -> [Int] {
        findings(rule, text, in: path).map(\.line)
    }

    @Test("async, await, Task and actors are found in Node, and the word actor is not")
    func concurrency() {
        let text = """
            func get() async -> Int { 0 }
            let a = await get()
            Task { }
            // Task { } in a comment
            let s = "await \\(await get())"
            let actor = Dot(actor: actor).actor
            """
        #expect(lines(BannedWordRule.concurrency, text) == [1, 2, 3, 5])
        #expect(lines(BannedWordRule.concurrency, text, in: "Sources/Server/Made.swift").isEmpty)
        #expect(
            lines(ActorDeclarationRule(), "actor Coordinator {}\npublic actor Ring: P {}\nlet x: actor = .actor") == [
                1, 2,
            ])
    }

    @Test("clocks are found in Node, and a time handed in is not")
    func clocks() {
        let text = """
            let a = ContinuousClock.now
            let b = Date()
            clock_gettime(CLOCK_MONOTONIC, &c)
            let d = DispatchTime.now()
            mutating func handle(_ event: Event, at now: Instant) {}
            """
        #expect(lines(BannedWordRule.clock, text) == [1, 2, 3, 4])
        #expect(lines(BannedWordRule.clock, "let a: any Clock", in: "Sources/Simulation/Made.swift") == [1])
    }

    @Test("system randomness is found in Node, and a generator handed in is not")
    func randomness() {
        let text = """
            let a = Int.random(in: 0..<3)
            let b = members.shuffled()
            let c = members.randomElement()
            let d = Int.random(in: 0..<3, using: &generator)
            let e = members.shuffled(using: &generator)
            members.shuffle()
            """
        #expect(lines(SystemRandomCallRule(), text) == [1, 2, 3, 6])
        #expect(lines(BannedWordRule.randomSource, "var g = SystemRandomNumberGenerator()") == [1])
        #expect(lines(BannedWordRule.processDependent, "sort(by: key.hashValue)") == [1])
    }

    @Test("imports beyond a target's own are found")
    func imports() {
        let text = """
            public import NIOCore
            import Foundation
            internal import Versions
            import struct NIOPosix.Thing
            import Storage
            """
        #expect(lines(ImportRule(), text) == [2, 4, 5])
        #expect(lines(ImportRule(), text, in: "Sources/Versions/Made.swift") == [2, 3, 4, 5])
        #expect(lines(ImportRule(), text, in: "Sources/Engines/Made.swift") == [2, 4])
        #expect(lines(ImportRule(), text, in: "Sources/Server/Made.swift").isEmpty)
    }

    @Test("NIO beyond ByteBuffer is found in Node")
    func nio() {
        let text = "let a: ByteBuffer\nlet b: EventLoop\nlet c: TimeAmount\nlet d = ByteBufferView(a)"
        #expect(lines(BannedWordRule.nio, text) == [2, 3])
        #expect(lines(NIOPrefixRule(), "import NIOCore\nlet lock = NIOLock()\nlet d: NIODeadline") == [2, 3])
    }

    @Test("a folder of Node that names a later folder's type is found")
    func folderOrder() {
        let files = [
            ProjectFile(path: "Sources/Node/Membership/A.swift", text: "struct Peers { enum State {} }\nlet q: Quorum"),
            ProjectFile(
                path: "Sources/Node/Coordination/B.swift", text: "struct Quorum { var p: Peers }\nvar r: Merge"),
            ProjectFile(path: "Sources/Node/Replication/C.swift", text: "struct Merge { var p: Peers }\n// Quorum"),
            ProjectFile(
                path: "Sources/Node/StorageNode.swift", text: "struct StorageNode { var q: Quorum }\nenum State {}"),
            ProjectFile(
                path: "Sources/Node/Replication/D.swift", text: "extension Merge { func f(_ n: StorageNode) {} }"),
            ProjectFile(path: "Sources/Node/Membership/E.swift", text: "let s: State"),
            ProjectFile(path: "Sources/Node/Gossip/F.swift", text: "struct Gossip {}"),
        ]
        let found = FolderOrderRule().findings(in: files)
        #expect(
            found.map { "\($0.path):\($0.line)" } == [
                "Sources/Node/Membership/A.swift:2", "Sources/Node/Replication/D.swift:1",
                "Sources/Node/Gossip/F.swift:0",
            ])
    }

    @Test("a long file, a wide line and a long function are found")
    func shape() {
        #expect(findings(FileLengthRule(), String(repeating: "x\n", count: 501), in: "docs/a.md").count == 1)
        #expect(findings(FileLengthRule(), String(repeating: "x\n", count: 500), in: "docs/a.md").isEmpty)
        #expect(
            findings(FileLengthRule(), String(repeating: "x\n", count: 501), in: "Sources/RiakWire/a.pb.swift").isEmpty)
        #expect(lines(LineWidthRule(), "let a = 1\n" + String(repeating: "é", count: 121)) == [2])
        #expect(lines(LineWidthRule(), String(repeating: "é", count: 120)).isEmpty)

        let long =
            "protocol P { func short() }\nfunc long<T>(_ t: () -> T) throws {\n" + String(repeating: "f()\n", count: 69)
            + "}"
        #expect(lines(FunctionLengthRule(allowed: 0), long) == [2])
        #expect(lines(FunctionLengthRule(allowed: 1), long).isEmpty)
        #expect(findings(FunctionLengthRule(allowed: 2), long).first?.message.contains("lower `allowed`") == true)
        #expect(MeasuredFunction.all(in: SwiftLexer.tokens(of: long)).map(\.lines) == [71])
    }

    @Test("vague folders and a type that bears its module's name are found")
    func names() {
        #expect(findings(VagueNameRule(), "", in: "Sources/Node/Utils/Made.swift").count == 1)
        #expect(findings(VagueNameRule(), "", in: "Sources/Node/ConnectionManager.swift").count == 1)
        #expect(findings(VagueNameRule(), "", in: "Sources/Node/Membership/Members.swift").isEmpty)
        let text = "public final class Node {}\nstruct Other { public struct Node {} }\nstruct Engines {}"
        #expect(lines(ModuleNameRule(), text, in: "Sources/Node/Made.swift") == [1])
        #expect(lines(ModuleNameRule(), text, in: "Sources/Engines/Made.swift").isEmpty)
    }

    @Test("traps are found in sources, not in tests or comments")
    func traps() {
        let text = "let a = try! f()\nlet b = c as! D\nfatalError(\"x\")\n// try! fatalError()\nlet e = try f() != g"
        #expect(lines(TrapRule(), text) == [1, 2, 3])
        #expect(lines(TrapRule(), text, in: "Tests/NodeTests/Made.swift").isEmpty)
    }

    @Test("a sleeping test is found, not the word")
    func sleepingTests() {
        let text = "try await Task.sleep(for: .seconds(1))\nusleep(10)\n// sleep(1)\nlet sleep = 1"
        #expect(lines(SleepingTestRule(), text, in: "Tests/NodeTests/Made.swift") == [1, 2])
        #expect(lines(SleepingTestRule(), text, in: "Sources/Server/Made.swift").isEmpty)
    }

    @Test("what was left for later, machine paths and words of the workplace are found in any file")
    func wording() {
        let word = "TO" + "DO"
        #expect(lines(BannedTextRule.leftForLater, "later\n\(word): more\n\(word)S", in: "docs/a.md") == [2])
        #expect(lines(BannedTextRule.machinePaths, "cd /ro" + "ot/x\ncd ./ro" + "ot/x", in: "Makefile") == [1])
        #expect(lines(BannedTextRule.workplaceWords, "see iss" + "ue 2", in: "README.md") == [1])
    }

    @Test("a document that names a file which is not there is found")
    func documentedPaths() {
        let document = ProjectFile(
            path: "docs/a.md",
            text:
                "`Sources/Node/B.swift` [b](../Sources/Node/B.swift#x) `Sources/Node` [u](https://u/)\n"
                + "`Tests/C.swift` [d](d.md)"
        )
        let files = [document, ProjectFile(path: "Sources/Node/B.swift", text: "")]
        let found = DocumentedPathRule().findings(in: files)
        #expect(found.map(\.line) == [2, 2])
        #expect(found.map(\.message).first?.contains("Tests/C.swift") == true)
        #expect(found.map(\.message).last?.contains("docs/d.md") == true)
    }

    @Test("a first step that the README does not show is found")
    func firstSteps() {
        let steps = ProjectFile(path: "scripts/first-steps.txt", text: "Try:\n  curl a\n  curl b\n")
        let readme = ProjectFile(path: "README.md", text: "    curl a\n")
        #expect(FirstStepsRule().findings(in: [steps, readme]).map(\.line) == [3])
        #expect(FirstStepsRule().findings(in: [steps]).count == 1)
    }

    @Test("the message names the place, the rule and what to write instead")
    func message() {
        let found = findings(BannedWordRule.clock, "\nlet a = Date()").first
        #expect(
            found?.description
                == "Sources/Node/Coordination/Made.swift:2: [no-clock] `Date` in Node: time is handed in as a parameter"
                + " (`at now:`), waiting is a timer effect")
    }
}
