import Engines
import Foundation
import Testing

@testable import Server

@Suite("Tools for a stopped node's stores", .timeLimit(.minutes(2)))
struct StoppedNodeTests {
    private let cluster: TestCluster
    private var path: String { cluster.nodes[0].settings.dataPath }
    private var storePath: String { path + "/stores/default" }

    init() throws {
        cluster = try TestCluster([.lmdb])
    }

    private static func value(_ number: Int) -> String { String(repeating: "\(number) ", count: 300) }

    private func fill() async throws {
        try await cluster.start()
        for number in 0..<50 { try await cluster.nodes[0].put("k\(number)", Self.value(number)) }
        await cluster.stop()
    }

    /// All is there, in stores that the node takes for the ones that it closed.
    private func expectAll() async throws {
        let node = cluster.nodes[0]
        try await cluster.start()
        for number in 0..<50 { #expect(try await node.get("k\(number)") == [Self.value(number)]) }
        #expect(node.log.count(of: "stores are not those") == 0)
        await cluster.stop()
    }

    private func rewrite(as engine: EngineKind) throws {
        let node = try StoppedNode(dataPath: path)
        defer { node.release() }
        let store = try #require(node.stores.first)
        let (figures, _, after) = try node.rewrite(store, as: engine, copied: { _ in }, verified: { _ in })
        #expect(figures.records >= 50 && figures.bytes > 40_000 && after > 0)
    }

    @Test("a store written anew is the same store, and the space it no longer used is given back")
    func compact() async throws {
        try await fill()
        try rewrite(as: .lmdb)
        try await expectAll()
        #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/stores") == ["default"])
    }

    @Test("a store moves from engine to engine with all that it holds")
    func move() async throws {
        try await fill()
        for engine in [EngineKind.sqlite, .bdb, .lmdb] {
            try rewrite(as: engine)
            cluster.nodes[0].settings.stores[0].engine = engine
            try await expectAll()
        }
    }

    @Test("a swap that was cut short is finished by the next start, at whatever point it was")
    func cutShort() async throws {
        try await fill()
        let files = FileManager.default
        // Before the new store was whole: it is removed.
        try files.createDirectory(atPath: storePath + "~new", withIntermediateDirectories: true)
        try await expectAll()
        #expect(!files.fileExists(atPath: storePath + "~new"))
        // Between the two renames: the new one takes the place.
        try files.copyItem(atPath: storePath, toPath: storePath + "~new")
        try files.moveItem(atPath: storePath, toPath: storePath + "~old")
        try await expectAll()
        // Before the old one was removed.
        try files.copyItem(atPath: storePath, toPath: storePath + "~old")
        try await expectAll()
        #expect(try files.contentsOfDirectory(atPath: path + "/stores") == ["default"])
    }

    @Test("the tools refuse a node that runs, and a folder that is no node's")
    func refused() async throws {
        try await cluster.start()
        do {
            _ = try StoppedNode(dataPath: path)
            Issue.record("opened under a running node")
        } catch {
            #expect("\(error)".contains("in use by process"))
        }
        await cluster.stop()
        do {
            _ = try StoppedNode(dataPath: cluster.temporary.path)
            Issue.record("opened a folder without a node")
        } catch {
            #expect("\(error)".contains("no node's data"))
        }
    }
}
