import Foundation
import Testing

@testable import rotor

@Suite("Overload", .serialized)
struct OverloadTests {
    @Test("three daemons are asked for more than they can do, and the report says what came of it")
    func bench() async throws {
        let folder = try TemporaryFolder()
        let run = try await RotorRun(
            [
                "bench", "overload", "--duration", "1", "--calm", "1", "--connections", "300", "--put-ratio", "0.5",
                "--json",
            ], folder: folder)
        // Whether the promise was kept is the machine's business here.
        #expect([0, 3].contains(run.status), "\(run.errors)")
        let report = try #require(try JSONSerialization.jsonObject(with: run.output) as? [String: Any])
        #expect((report["best"] as? Double ?? 0) > 0 && (report["goodput"] as? Double ?? 0) > 0)
        #expect((report["memory"] as? [[String: Any]])?.count == 3)
    }

    @Test("well again means a second and a half of quick answers")
    func recovery() {
        #expect(OverloadReport.recovery([1, 1, 1], limit: 2) == 0)
        #expect(OverloadReport.recovery([9, nil, 1, 9, 2, 1, 1], limit: 2) == 2)
        #expect(OverloadReport.recovery([1, 9], limit: 2) == nil)
        #expect(OverloadReport.recovery([], limit: 2) == nil)
    }
}
