import ArgumentParser
import RotorClient

struct ContextOption: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "What an earlier read saw, as rotor get shows it: just that is superseded.", valueName: "context"))
    var context: String?

    /// - Throws: ``CommandFailure`` as the cluster would refuse it.
    func objectContext() throws -> ObjectContext? {
        guard let context else { return nil }
        guard let parsed = ObjectContext(context) else {
            throw CommandFailure(.refused, "--context '\(context)' is not base64: give it as a get showed it")
        }
        return parsed
    }
}
