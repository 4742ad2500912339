import ArgumentParser
import Glibc
import Server

@main
struct Rotor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotor",
        abstract: "A highly available key-value store after Amazon's Dynamo: the daemon and its command line.",
        discussion: """
            rotor serve runs a node. The others speak to a running cluster, through any \
            of its nodes:

              rotor put cart ann 'tea'       store a value: bucket cart, key ann
              rotor get cart ann             print it
              rotor locate cart ann          show which nodes hold it
              rotor status                   show a node, its members, its stores

            Exit codes: 0 done, 1 not found, 2 refused, 3 unavailable, 4 outcome unknown (the write may have \
            happened), 64 the command line is wrong, 70 an error that nobody foresaw, 74 a file or standard output \
            failed. Messages go to standard error, data to standard output.
            """,
        version: RotorVersion.text,
        subcommands: [
            Serve.self, Get.self, Put.self, Delete.self, Locate.self, Status.self, Version.self, Demo.self, Bench.self,
            Simulate.self, Store.self,
        ])

    static func main() async {
        // A reader that has seen enough, as in `rotor get … | head`, is met where the writing fails, not by a signal.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard let failure = failure(for: error) else { exit(withError: error) }
            if !failure.message.isEmpty { StandardStreams.complain(failure.message) }
            Glibc.exit(failure.status.rawValue)
        }
    }

    /// Nil for what the argument parser knows to say and to end with: help, and mistakes in the command line.
    static func failure(for error: any Error) -> CommandFailure? {
        if let failure = error as? CommandFailure { return failure }
        // Its code for what it does not know is 1, which means "not found" here.
        guard exitCode(for: error) == .failure else { return nil }
        return CommandFailure(.unforeseen, "unforeseen error: \(error)")
    }
}
