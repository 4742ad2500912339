import ArgumentParser
import Engines
import Foundation
import NIOCore
import Placement

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a cluster survive the loss of a node: three daemons on three engines.",
        discussion: """
            Starts three daemons on loopback, one each on LMDB, Berkeley DB and SQLite, with N=3, R=2, W=2; stores the \
            paragraphs of /var/lib/dpkg/status under their package names in two bucket types on two stores; kills one \
            daemon with SIGKILL half-way and goes on writing; reads everything back from the others, byte for byte; \
            starts the dead one again and reads through it; makes two concurrent edits of one object, shows both \
            siblings and reconciles them. Exit code 0 if not a byte differed and not a request failed.

              rotor demo
              rotor demo --data ./demo    keep configuration, data and logs
            """)

    @Option(
        name: .long, help: ArgumentHelp("A new folder to keep; without it a temporary one.", valueName: "folder"),
        completion: .directory)
    var data: String?

    @Option(
        name: .long, help: ArgumentHelp("A file of paragraphs as dpkg writes them.", valueName: "file"),
        completion: .file())
    var packages = PackageParagraphs.usualPath

    func run() async throws {
        let objects = Self.objects(of: try PackageParagraphs.read(packages))
        do {
            try await LocalCluster.run(
                kept: data, name: "rotor-demo", engines: [(.lmdb, .sqlite), (.bdb, .lmdb), (.sqlite, .bdb)]
            ) { cluster in
                try await DemoScript(cluster: cluster, objects: objects).run()
                if data != nil { try StandardStreams.print("Configuration, data and logs are in \(cluster.folder)") }
            }
        } catch let failure as CommandFailure where failure.status == .done {
            // Nobody reads on: that is no proof that all went well.
            throw CommandFailure(.inputOutput, failure.message)
        }
    }

    /// Each paragraph in both bucket types.
    private static func objects(of packages: PackageParagraphs) -> [DemoObject] {
        packages.paragraphs.flatMap { paragraph in
            ["default", "catalogue"].map { type in
                DemoObject(
                    key: .init(
                        type: ByteBuffer(string: type), bucket: ByteBuffer(string: "packages"),
                        key: ByteBuffer(string: paragraph.name)),
                    value: paragraph.text)
            }
        }
    }
}
