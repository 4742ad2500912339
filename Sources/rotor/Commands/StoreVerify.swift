import ArgumentParser
import Engines
import Storage

/// What a starting daemon runs as a child: whatever reading the store does to the process, the daemon outlives it.
struct StoreVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read one store's folder, as a starting node does where the store may have ended its last run.",
        shouldDisplay: false)

    @Argument var engine: EngineKind
    @Argument var folder: String

    func run() throws {
        let survey: StoreSurvey
        do {
            let opened = try EngineFactory.open(engine, at: folder)
            survey = try StoreSurvey(of: opened) { _ in }
            try opened.close()
        } catch {
            throw CommandFailure(.refused, "\(folder): \(error)")
        }
        guard survey.damaged == 0 else { throw CommandFailure(.damageFound, "\(survey.damaged) damaged records") }
    }
}
