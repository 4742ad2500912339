import Testing

@testable import Simulation

@Suite struct DeterminismTests {
    @Test("the same seed gives the same transcript, event for event")
    func sameSeed() {
        for seed in stride(from: UInt64(0), to: 1000, by: 40) {
            let first = Simulator.run(seed: seed)
            let second = Simulator.run(seed: seed)
            #expect(first.transcriptHash == second.transcriptHash, "seed \(seed)")
            #expect(first.events == second.events, "seed \(seed)")
        }
    }

    @Test("reading along changes nothing")
    func transcriptKept() {
        var options = SimulationOptions()
        options.keepsTranscript = true
        for seed in UInt64(0)..<5 {
            let read = Simulator.run(seed: seed, options: options)
            #expect(read.transcriptHash == Simulator.run(seed: seed).transcriptHash, "seed \(seed)")
            #expect(read.transcript.count > 100, "seed \(seed): \(read.transcript.count) lines")
        }
    }

    @Test("different seeds give different runs")
    func differentSeeds() {
        let hashes = (UInt64(0)..<20).map { Simulator.run(seed: $0).transcriptHash }
        #expect(Set(hashes).count == hashes.count)
    }
}
