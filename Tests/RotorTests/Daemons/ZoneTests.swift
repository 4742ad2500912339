import Engines
import Foundation
import Glibc
import NIOCore
import Placement
import RiakWire
import RotorClient
import Testing

@testable import rotor

/// Dynamo §4.6: "the preference list of a key is constructed such that the storage nodes are spread across multiple
/// data centers", so that a whole one may go.
@Suite("Six daemons in three zones", .serialized)
struct ZoneTests {
    private static let count = 120

    private func key(_ number: Int) -> ObjectKey { ObjectKey(type: "default", bucket: "zones", key: "\(number)") }

    private func value(_ number: Int, _ round: String) -> ByteBuffer { ByteBuffer(string: "\(number) \(round)") }

    /// Holders only, so that no stand-in makes up for one that is missing.
    private var reading: ReadOptions {
        var options = ReadOptions()
        options.r = .count(2)
        options.pr = .count(2)
        return options
    }

    private var writing: WriteOptions {
        var options = WriteOptions()
        options.w = .count(2)
        options.pw = .count(2)
        return options
    }

    /// Reads each key through one of the endpoints in turn, holds it against `round`, and writes `next`.
    private func pass(_ endpoints: [Endpoint], expecting round: String, writing next: String?) async throws {
        let clients = endpoints.map { ClusterClient(endpoints: [$0]) }
        for number in 0..<Self.count {
            let client = clients[number % clients.count]
            let found = try await client.get(key(number), reading)
            #expect(found.versions.map(\.value) == [value(number, round)], "key \(number)")
            guard let next else { continue }
            try await client.put(
                key(number), value(number, next), contentType: "text/plain", context: found.context, writing)
        }
        for client in clients { try await client.shutdown() }
    }

    /// Returns when each of the endpoints' nodes says of each of its peers what it should.
    private func until(
        _ endpoints: [Endpoint], _ isSo: @Sendable (NodeReport) -> Bool
    ) async throws {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(60)
        for endpoint in endpoints {
            let client = ClusterClient(endpoints: [endpoint])
            var holds = false
            while !holds, clock.now < end { holds = isSo(try await client.status()) }
            try await client.shutdown()
            #expect(holds, "\(endpoint)")
        }
    }

    @Test("both of a zone are killed: every key is read and written at R=2 W=2, and what they missed they get")
    func zoneLost() async throws {
        try await Daemons.run(Array(repeating: .lmdb, count: 6), zones: 3) { daemons in
            let members = daemons.cluster.members
            #expect(Set(members.map(\.zone)).count == 3)
            let first = daemons.client()
            for number in 0..<Self.count {
                try await first.put(
                    key(number), value(number, "before"), contentType: "text/plain", context: nil, writing)
                let places = try await first.whereabouts(of: key(number)).preflist.filter(\.primary)
                #expect(Set(places.map(\.zone)).count == 3 && places.count == 3)
            }
            try await first.shutdown()

            let lost = members.indices.filter { members[$0].zone == members[1].zone }
            let names = Set(lost.map { members[$0].name })
            #expect(lost.count == 2)
            for index in lost { #expect(await daemons.cluster.end(index, with: SIGKILL) == .signalled(SIGKILL)) }
            let left = members.indices.filter { !lost.contains($0) }
            let endpoints = left.map { members[$0].http }
            try await until(endpoints) { report in
                report.peers.allSatisfy { !names.contains($0.name) || !$0.linked }
            }
            try await pass(endpoints, expecting: "before", writing: "without")
            try await pass(endpoints.reversed(), expecting: "without", writing: "again")

            for index in lost { try daemons.cluster.start(index) }
            for index in lost { try await daemons.cluster.untilLinked(index) }
            try await until(endpoints) { $0.hints.count == 0 }
            // Each key has one holder among those that were away, and nobody else is left to answer for it.
            for index in left { #expect(await daemons.cluster.end(index, with: SIGTERM) == .exited(0)) }
            let returned = ClusterClient(endpoints: lost.map { members[$0].http })
            var options = ReadOptions()
            options.r = .one
            options.pr = .one
            for number in 0..<Self.count {
                let found = try await returned.get(key(number), options)
                #expect(found.versions.map(\.value) == [value(number, "again")], "key \(number)")
            }
            try await returned.shutdown()
        }
    }
}
