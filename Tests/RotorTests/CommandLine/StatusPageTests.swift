import Foundation
import RotorClient
import Testing

@testable import rotor

@Suite("What rotor status shows")
struct StatusPageTests {
    private func report(_ peers: String) throws -> NodeReport {
        let json = """
            {"node":"a","member":"01","incarnation":"1","start":2,"ready":true,"cluster":"shop","clusterID":"c",
             "partitions":64,"n":3,"replicas":3,"peers":[\(peers)],"stores":[],"hints":{"count":7,"bytes":2048},
             "bucketTypes":["default"],"uptimeSeconds":61,"requestsInFlight":0,"counters":{"gets":1},
             "versionsReturned":[1,0,0,0]}
            """
        return try JSONDecoder().decode(NodeReport.self, from: Data(json.utf8))
    }

    private func peer(_ name: String, linked: Bool, _ state: String) -> String {
        """
        {"name":"\(name)","member":"0","address":"h:1","zone":"z","weight":1,"linked":\(linked),"state":"\(state)",
         "partitions":8}
        """
    }

    @Test("members with a link and how they look, and the hints kept for them")
    func members() throws {
        let peers = [
            peer("a", linked: true, "up"), peer("b", linked: true, "up"), peer("c", linked: true, "suspect"),
            peer("d", linked: true, "down"), peer("e", linked: false, "down"),
        ]
        let lines = StatusPage(try report(peers.joined(separator: ","))).lines
        for expected in [
            "  a  this node         h:1", "  b  linked, up        h:1", "  c  linked, SUSPECT   h:1",
            "  d  linked, DOWN      h:1", "  e  NOT LINKED, down  h:1",
            "hints         7 kept for other members, 2.0 KiB",
        ] {
            #expect(lines.contains { $0.hasPrefix(expected) }, "\(expected) is not in \(lines)")
        }
    }
}
