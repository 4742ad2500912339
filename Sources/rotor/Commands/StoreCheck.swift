import ArgumentParser
import Engines
import Server
import Storage

struct StoreCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read every record of a stopped node's stores and hold it against its checksum.",
        discussion: """
            With --json: [{"bytes","conflicting","damaged","damages":[{"key","reason"}],"deleted","engine", \
            "largest_object","name","objects","own_records","partitions","types":{TYPE:OBJECTS}}]. Exit code 1 if a \
            record is damaged: other replicas have it, and the running node gets it from them. Exit code \
            2 if a store cannot be read at all.
            """)

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: JSONOption

    private struct Description: Encodable {
        struct Damage: Encodable {
            var key: String
            var reason: String
        }

        var bytes: Int
        var conflicting: Int
        var damaged: Int
        var damages: [Damage]
        var deleted: Int
        var engine: String
        var largestObject: Int
        var name: String
        var objects: Int
        var ownRecords: Int
        var partitions: Int
        var types: [String: Int]

        init(_ store: StoppedNode.Store, _ survey: StoreSurvey) {
            bytes = survey.bytes
            conflicting = survey.conflicting
            damaged = survey.damaged
            damages = survey.damages.map { Damage(key: $0.key, reason: $0.reason) }
            deleted = survey.deleted
            engine = store.engine.rawValue
            largestObject = survey.largestObject
            name = store.name
            objects = survey.objects
            ownRecords = survey.ownRecords
            partitions = survey.partitions
            types = survey.types
        }
    }

    func run() throws {
        var found: [Description] = []
        try stores.forEachStore { node, store in
            let survey = try node.withEngine(of: store) { engine in
                let bar =
                    output.json
                    ? nil : ProgressBar("checking \(store.name)", total: try engine.statistics().entries)
                let survey = try StoreSurvey(of: engine) { bar?.reach($0) }
                try bar?.finish()
                return survey
            }
            found.append(Description(store, survey))
            if !output.json { try Self.print(survey) }
        }
        if output.json { try JSONOutput.print(found) }
        let damaged = found.reduce(0) { $0 + $1.damaged }
        guard damaged == 0 else {
            throw CommandFailure(
                .damageFound,
                "\(damaged) damaged record\(damaged == 1 ? "" : "s"): start the node, and it"
                    + " gets them from the other replicas")
        }
    }

    private static func print(_ survey: StoreSurvey) throws {
        let types = survey.types.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        try StandardStreams.print(
            "  \(survey.objects) objects (\(types)) in \(survey.partitions) partitions, \(survey.bytes.asBytes);"
                + " \(survey.conflicting) with siblings, \(survey.deleted) deleted; the largest has"
                + " \(survey.largestObject.asBytes)")
        for damage in survey.damages { try StandardStreams.print("  DAMAGED \(damage.key): \(damage.reason)") }
        if survey.damaged > survey.damages.count {
            try StandardStreams.print("  and \(survey.damaged - survey.damages.count) more")
        }
    }
}
