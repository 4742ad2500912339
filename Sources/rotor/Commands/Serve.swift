import ArgumentParser
import Engines
import Foundation
import Logging
import Node
import Placement
import Server

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a node until SIGTERM or SIGINT.",
        discussion: """
            Without a file: a cluster of one node, its data in ./rotor-data, every listener on loopback.

              rotor serve
              rotor serve --config shop.yaml
              rotor serve --config shop.yaml --node-name b --node-data data/b --listen-http 127.0.0.1:8198 …
              rotor serve --stores-large-engine sqlite --bucket-types-photos-store large

            Every scalar of the file is also a flag and a variable of the environment: node.name is --node-name and \
            ROTOR_NODE_NAME, the engine of the store large is --stores-large-engine. A flag wins over the environment, \
            that over the file. Names that you choose: --stores-NAME-engine (lmdb, bdb, sqlite, memory), \
            -write-path (logged, direct, buffered), -buffer-objects, -buffer-bytes, -log-bytes; \
            --bucket-types-NAME-store, -n, -r, -w, -pr, -pw, -dw, -notfound-ok, -basic-quorum, -allow-mult, \
            -last-write-wins, -max-object-bytes, -max-siblings, -vector-limit.

            Exit code 0 after a graceful stop, 2 if the configuration is refused or the node cannot start with it, 64 \
            if a flag is wrong.
            """)

    @Option(
        name: .long, help: ArgumentHelp("A YAML file.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @OptionGroup(title: "Settings") var settings: ServeSettings

    @Argument(
        parsing: .allUnrecognized,
        help: ArgumentHelp("Settings of stores and bucket types.", valueName: "--stores-NAME-engine engine …"))
    var named: [String] = []

    func run() async throws {
        let configuration = try read()
        let logger = Self.logger(configuration.log)
        for warning in configuration.warnings { logger.warning("\(warning)") }
        let door = Self.httpDoor(configuration.listen.http, descriptors: DescriptorLimit.raise(), logger)
        let daemon = Daemon(settings: try Self.runtimeSettings(configuration), doors: [door], logger: logger)
        do {
            try await daemon.runUntilSignalled()
        } catch let error as RuntimeFailure {
            throw CommandFailure(.unavailable, "\(error)")
        } catch let error as StartError {
            throw CommandFailure(.refused, "\(error)")
        } catch let error as ListenError {
            throw CommandFailure(.refused, "\(error)")
        }
    }

    /// - Throws: ``CommandFailure`` with a line for each thing that is wrong.
    func read(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        workingFolder: String = FileManager.default.currentDirectoryPath
    ) throws(CommandFailure) -> RotorConfiguration {
        do throws(ConfigurationError) {
            return try RotorConfiguration.read(
                file: config, flags: settings.arguments + named, environment: environment,
                workingFolder: workingFolder)
        } catch {
            // A word that is no flag is its own place.
            let words = named.map { String($0.prefix { $0 != "=" }) }
            let isCommandLine = error.problems.allSatisfy { $0.place.hasPrefix("--") || words.contains($0.place) }
            throw CommandFailure(isCommandLine ? .usage : .refused, error.description)
        }
    }

    /// - Parameter descriptors: How many files and sockets the process may have open.
    static func httpDoor(_ address: NetworkAddress, descriptors: Int?, _ logger: Logger) -> Door {
        var settings = HTTPDoorSettings(host: address.host, port: address.port)
        let connections = DescriptorLimit.connections(wanted: settings.maximumConnections, limit: descriptors)
        if connections < settings.maximumConnections, let descriptors {
            logger.warning(
                "fewer HTTP connections at a time than usual: raise the limit of open files (ulimit -Hn)",
                metadata: [
                    "connections": "\(connections)", "usual": "\(settings.maximumConnections)",
                    "open-files": "\(descriptors)",
                ])
            settings.maximumConnections = connections
        }
        let final = settings
        return Door(
            check: { try await HTTPDoor.check(final) },
            make: { node, group, logger in HTTPDoor(settings: final, node: node, logger: logger, group: group) })
    }

    /// What the configuration comes down to.
    static func runtimeSettings(_ configuration: RotorConfiguration) throws(CommandFailure) -> RuntimeSettings {
        let founders: [Founding.Founder]
        switch configuration.cluster.beginning {
        case .withMembers: founders = configuration.cluster.members
        case .alone:
            founders = [
                Founding.Founder(
                    name: configuration.node.name, address: configuration.listen.cluster.description,
                    zone: configuration.node.zone, weight: configuration.node.weight)
            ]
        case .waiting:
            throw CommandFailure(
                .refused,
                "cluster.seeds without cluster.members: a node cannot join a running cluster yet; name the founding"
                    + " members, the same on all nodes")
        }
        let founding: Founding
        do {
            founding = try Founding(
                name: configuration.cluster.name,
                partitioning: try Partitioning(count: configuration.cluster.partitions), n: configuration.cluster.n,
                founders: founders)
        } catch {
            throw CommandFailure(.refused, "cluster: \(error)")
        }
        var settings = RuntimeSettings(
            nodeName: configuration.node.name, dataPath: configuration.node.data,
            clusterAddress: configuration.listen.cluster, founding: founding,
            stores: configuration.stores.map { store in
                var options = EngineOptions()
                options.writePath = store.options
                return RuntimeSettings.Store(
                    name: store.name, engine: store.engine, writePath: store.writePath, options: options)
            },
            bucketTypes: configuration.bucketTypes)
        settings.secret = configuration.cluster.secret
        settings.slowRequestMilliseconds = configuration.log.slowRequestMilliseconds
        settings.verification = StoreVerification(program: "/proc/self/exe")
        return settings
    }

    private static func logger(_ settings: LogConfiguration) -> Logger {
        var logger = Logger(label: "rotor") { label in
            switch settings.format {
            case .text: StreamLogHandler.standardError(label: label)
            case .json: JSONLogHandler(label: label)
            }
        }
        logger.logLevel = settings.level
        return logger
    }
}
