import Testing

/// The house rules that a reader of the sources can check.
enum HouseRules {
    /// Functions over ``FunctionLengthRule/longest`` lines. Only ever lower it.
    static let allowedLongFunctions = 0

    static let all: [any HouseRule] = [
        BannedWordRule.concurrency,
        BannedWordRule.clock,
        BannedWordRule.randomSource,
        BannedWordRule.processDependent,
        BannedWordRule.nio,
        NIOPrefixRule(),
        SystemRandomCallRule(),
        ActorDeclarationRule(),
        ImportRule(),
        HashedIterationRule(),
        FolderOrderRule(),
        ModuleNameRule(),
        VagueNameRule(),
        FileLengthRule(),
        LineWidthRule(),
        FunctionLengthRule(allowed: allowedLongFunctions),
        TrapRule(),
        SleepingTestRule(),
        BannedTextRule.leftForLater,
        BannedTextRule.machinePaths,
        BannedTextRule.workplaceWords,
        DocumentedPathRule(),
        FirstStepsRule(),
    ]
}

@Suite("The project keeps its house rules")
struct TidyTests {
    @Test("every rule holds in every file of the project")
    func everyRuleHolds() throws {
        let files = try ProjectFiles.project.get().files
        for rule in HouseRules.all {
            for finding in rule.findings(in: files) {
                Issue.record("\(finding)")
            }
        }
    }

    @Test("the rules look at the whole project: its sources, tests, documents and scripts")
    func theWholeProjectIsRead() throws {
        let paths = try Set(ProjectFiles.project.get().files.map(\.path))
        for path in [
            "Package.swift", "Makefile", "README.md", "HANDBOOK.md", "LICENSE", ".ci/run", "docs/architecture.md",
            "scripts/prepare.sh", "Sources/Engines/LocalPersistenceEngine.swift", "Tests/TidyTests/TidyTests.swift",
        ] {
            #expect(paths.contains(path), "\(path) was not read")
        }
    }
}
