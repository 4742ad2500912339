import Testing

@testable import Simulation

/// Seeds that found a bug in the node. They must stay green, and must find it again where it is planted anew, for a
/// seed whose run has changed proves nothing any more.
@Suite struct MendedSeedTests {
    /// Two nodes keep their dots apart, and no longer do with the bug planted again.
    private func expectMended(_ seed: UInt64, _ bug: PlantedBug) {
        var options = SimulationOptions()
        options.nodes = 2
        options.faults = [.wipe, .oldCopy, .restart]
        let mended = Simulator.run(seed: seed, options: options)
        #expect(mended.passed, "\(mended)")
        options.bug = bug
        let broken = Simulator.run(seed: seed, options: options)
        #expect(broken.violation?.truth == .noDotTwice, "\(broken)")
    }

    @Test(
        "a peer that has lost its memory does not confirm an old copy of another node", arguments: [UInt64(152)])
    func forgetfulPeer(_ seed: UInt64) {
        expectMended(seed, .forgetfulConfirms)
    }

    /// The node had begun anew on an empty disk and counted its starts from one; then an old copy from before came
    /// back, whose next start had a number above the one that its peer, with an empty disk too, knew by then.
    @Test("a start is confirmed by who knows the one before it, not one of another life", arguments: [UInt64(4086)])
    func otherLife(_ seed: UInt64) {
        expectMended(seed, .otherLifeConfirmed)
    }

    /// Both nodes were on old copies, and the one that had to confirm took its own for what a crash had left.
    @Test("a node does not confirm by what it remembers from before a crash", arguments: [UInt64(13305)])
    func crashedPeer(_ seed: UInt64) {
        expectMended(seed, .crashedConfirms)
    }

    /// Both nodes came back on copies that were made of them in good order, and each confirmed the other.
    @Test("nodes that wait for their own confirmation do not confirm each other", arguments: [UInt64(25584), 21875])
    func mutual(_ seed: UInt64) {
        expectMended(seed, .waitingConfirms)
    }

    /// An old copy was started, stopped in good order before any peer had heard of it, and started again: by then its
    /// number was above the one that peers knew.
    @Test("a start that no peer has confirmed leads to nothing that is continued", arguments: [UInt64(20517)])
    func unconfirmedStart(_ seed: UInt64) {
        expectMended(seed, .unconfirmedContinues)
    }

    /// Found as seed 45 of the simulator's first form.
    @Test("a node without peers, started on an old copy of its data, is somebody new")
    func loneNode() {
        var options = SimulationOptions()
        options.nodes = 1
        options.faults = [.restart, .oldCopy]
        var isFound = false
        for seed in UInt64(0)..<12 {
            options.bug = nil
            let mended = Simulator.run(seed: seed, options: options)
            #expect(mended.passed, "\(mended)")
        }
        // With one node nobody could object: the marker of a clean stop is all there is, and it must not be enough.
        options.faults = [.powerFailure, .oldCopy]
        for seed in UInt64(0)..<60 where !isFound {
            options.bug = .dotReusedAfterCrash
            isFound = Simulator.run(seed: seed, options: options).violation?.truth == .noDotTwice
        }
        #expect(!isFound, "a lone node takes a new incarnation at every start, whatever its disk says")
    }

    /// The stand-in's store refused what had timed out meanwhile.
    @Test("a stand-in answers a write once", arguments: [UInt64(6338), 8395])
    func lateRefusal(_ seed: UInt64) {
        let report = Simulator.run(seed: seed, options: SimulationOptions())
        #expect(report.passed, "\(report)")
    }

    @Test("a write that is forwarded, and delivered before and after a restart of its receiver, is minted once")
    func forwardAcrossRestart() {
        var options = SimulationOptions()
        options.nodes = 5
        options.faults = [.duplication, .kill, .delay]
        for seed in UInt64(0)..<12 {
            let report = Simulator.run(seed: seed, options: options)
            #expect(report.passed, "\(report)")
        }
    }

    @Test("what is damaged is mended, and reads of all replicas say 'not found' only where every replica says so")
    func damagedCopies() {
        var options = SimulationOptions()
        options.faults = [.damage, .slowDisk, .loss]
        for seed in UInt64(0)..<12 {
            let report = Simulator.run(seed: seed, options: options)
            #expect(report.passed, "\(report)")
            #expect(report.millisecondsToConverge != nil, "\(report)")
        }
    }
}
