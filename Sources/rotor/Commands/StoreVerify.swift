import ArgumentParser
import Engines
import Glibc
import Server
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
        // A daemon ignores them until it is up, and its child would inherit that.
        for signal in [SIGTERM, SIGINT] { Glibc.signal(signal, SIG_DFL) }
        let survey: StoreSurvey
        do {
            try Self.limitTime(forBytes: FileCalls.bytesInTree(folder, operation: "verify \(folder)"))
            let opened = try EngineFactory.open(engine, at: folder)
            survey = try StoreSurvey(of: opened) { _ in }
            try opened.close()
        } catch let error as EngineError where error.code == .damaged {
            throw CommandFailure(.damagedStore, "\(folder): \(error)")
        } catch {
            throw CommandFailure(.refused, "\(folder): \(error)")
        }
        guard survey.damaged == 0 else { throw CommandFailure(.damageFound, "\(survey.damaged) damaged records") }
    }

    /// Of the processor: damage can lead an engine round in circles, and the daemon waits. The slowest one reads some
    /// hundred MiB a second.
    private static func limitTime(forBytes bytes: Int) {
        let seconds = rlim_t(60 + bytes / (4 << 20))
        var limit = rlimit(rlim_cur: seconds, rlim_max: seconds)
        // SIGXCPU at its end.
        _ = setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &limit)
    }
}
