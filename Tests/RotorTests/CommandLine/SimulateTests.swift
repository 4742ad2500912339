import ArgumentParser
import Foundation
import Simulation
import Testing

@testable import rotor

@Suite("rotor simulate")
struct SimulateTests {
    @Test("kinds are named with commas between them, or none; anything else is refused")
    func kinds() {
        #expect(KindList<FaultKind>(argument: "none")?.kinds == [])
        #expect(KindList<FaultKind>(argument: "loss,wipe")?.kinds == [.loss, .wipe])
        for kind in WorkloadKind.allCases { #expect(KindList<WorkloadKind>(argument: kind.rawValue)?.kinds == [kind]) }
        for text in ["", "loss,", "Loss", "loss wipe"] {
            #expect(KindList<FaultKind>(argument: text) == nil, "\(text)")
        }
        #expect(NumberList(argument: "3,0")?.numbers == [3, 0])
        for text in ["", "1,", "-1", "x"] { #expect(NumberList(argument: text) == nil, "\(text)") }
    }

    @Test("arguments out of range end with exit code 64")
    func ranges() {
        for arguments in [
            ["--seeds", "0"], ["--jobs", "0"], ["--nodes", "9"], ["--clients", "0"], ["--operations", "0"],
            ["--minutes", "0"], ["--faults", "rust"], ["--workload", "none"], ["--engine", "rocks"], ["--trace"],
            ["--reduce"], ["--seeds", "1", "--trace", "--json"],
            ["--seeds", "2", "--first-seed", "18446744073709551615"],
        ] {
            #expect(code(["simulate"] + arguments) == 64, "\(arguments)")
        }
        #expect(code(["simulate", "--seeds", "1", "--first-seed", "7", "--trace", "--skip-faults", "1,2"]) == 0)
    }

    @Test("what a report says of its options is a command line that means the same")
    func options() throws {
        let words = [
            "--nodes", "3", "--clients", "2", "--operations", "9", "--minutes", "2", "--faults", "loss,wipe",
            "--workload", "carts", "--engine", "lmdb", "--skip-faults", "1,2", "--skip-clients", "0",
        ]
        let command = try #require(try Rotor.parseAsRoot(["simulate"] + words) as? Simulate)
        #expect("\(command.options)" == words.joined(separator: " "))
    }

    @Test("a batch is the sum of its seeds, whatever the number of jobs")
    func batch() async throws {
        var options = SimulationOptions()
        options.operations = 20
        var texts: [String] = []
        for jobs in [1, 3] {
            var summary = SimulationSummary()
            try await SimulationBatch(seeds: 5..<11, jobs: jobs, options: options).run { summary.add($0) }
            #expect(summary.seeds == 6 && summary.failures.isEmpty)
            #expect(summary.operations >= 6 && summary.versionsSeen.reduce(0, +) > 0)
            texts.append(summary.lines.joined(separator: "\n"))
        }
        #expect(texts[0] == texts[1])
        #expect(texts[0].contains("6, of them 0 failed"))
    }

    @Test("the program prints the figures, and one seed's transcript where asked")
    func program() async throws {
        let folder = try TemporaryFolder()
        let run = try await RotorRun(["simulate", "--seeds", "3", "--operations", "10", "--json"], folder: folder)
        #expect(run.status == 0, "\(run.errors)")
        let object = try #require(try JSONSerialization.jsonObject(with: run.output) as? [String: Any])
        #expect(object["seeds"] as? Int == 3)
        #expect((object["failures"] as? [Any])?.isEmpty == true)

        let arguments = ["simulate", "--seeds", "1", "--first-seed", "7", "--operations", "10", "--trace"]
        let first = try await RotorRun(arguments, folder: folder)
        let second = try await RotorRun(arguments, folder: folder)
        let transcript = first.text.split(separator: "\n").prefix { !$0.hasPrefix("seeds ") }
        #expect(transcript.count > 20)
        #expect(second.text.split(separator: "\n").starts(with: transcript))
    }
}
