import Testing

@Suite struct ZoneLossTests {
    @Test("a whole zone of three is lost: at the nodes of the others every request at R=2 W=2 is done")
    func lost() {
        for loss in ZoneLossRun.Loss.allCases {
            var requests = 0
            for seed in UInt64(0)..<2 {
                let report = ZoneLossRun(seed: seed, loss: loss).run()
                #expect(report.violation == nil, "\(loss), seed \(seed): \(report.violation.map { "\($0)" } ?? "")")
                #expect(report.failures == [], "\(loss), seed \(seed)")
                #expect(report.differing == [], "\(loss), seed \(seed): replicas differ after the zone's return")
                #expect(report.zonesOfHolders.allSatisfy { $0 == 3 }, "\(loss), seed \(seed)")
                requests += report.requests
            }
            #expect(requests > 400, "\(loss): \(requests) requests while the zone was away")
        }
    }
}
