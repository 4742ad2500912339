import ArgumentParser
import Foundation
import RotorClient

/// Which nodes to ask, and how to print what they say.
struct ConnectOptions: ParsableArguments {
    static let variable = "ROTOR_CONNECT"

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Nodes to ask; the next one if one does not answer.",
            discussion: "Without it, the environment's \(variable), or 127.0.0.1:8098.",
            valueName: "host:port[,…]"))
    var connect: EndpointList?

    func endpoints(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> [Endpoint] {
        if let connect { return connect.endpoints }
        guard let text = environment[Self.variable], !text.isEmpty else { return [Endpoint(host: "127.0.0.1")] }
        guard let list = EndpointList(argument: text) else {
            throw ValidationError("\(Self.variable)='\(text)' is not a list of HOST:PORT separated by commas")
        }
        return list.endpoints
    }

    /// Does `body` with a client of those nodes, and says in the program's terms why it failed.
    func withClient<Value>(_ body: (ClusterClient) async throws -> Value) async throws -> Value {
        let client = ClusterClient(endpoints: try endpoints())
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(client))
        } catch let error as RotorClientError {
            result = .failure(CommandFailure(error))
        } catch {
            result = .failure(error)
        }
        try await client.shutdown()
        return try result.get()
    }
}

/// `HOST:PORT[,HOST:PORT…]`.
struct EndpointList: ExpressibleByArgument, Equatable {
    var endpoints: [Endpoint]

    init?(argument: String) {
        endpoints = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let endpoint = Endpoint(part.trimmingCharacters(in: .whitespaces)) else { return nil }
            endpoints.append(endpoint)
        }
    }
}

struct JSONOption: ParsableArguments {
    @Flag(name: .long, help: "Print JSON, names sorted; its form is above.")
    var json = false
}
