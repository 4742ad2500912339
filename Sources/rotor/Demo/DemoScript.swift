import Engines
import Glibc
import NIOCore
import Placement
import RotorClient

/// The demo's steps, in order. Each says what it does, and throws if anything is not as it must be.
struct DemoScript {
    let cluster: LocalCluster
    let objects: [DemoObject]

    /// The member that is killed: the last one, on SQLite.
    private var victim: Int { cluster.members.count - 1 }

    private var survivors: [LocalCluster.Member] { Array(cluster.members[..<victim]) }

    func run() async throws {
        let begin = ContinuousClock.now
        try await startDaemons()
        try await storeWhileOneDies()
        try await readBack()
        try await restart()
        try await editAtTheSameTime()
        try say("Done in \((ContinuousClock.now - begin).seconds.tenths) s: no request failed, no byte differed.")
    }

    private func say(_ text: String) throws(CommandFailure) { try StandardStreams.print(text) }

    private func startDaemons() async throws {
        try say("1. Three daemons on loopback, N=3, R=2, W=2, 256 partitions:")
        try await cluster.startAll()
        for (index, member) in cluster.members.enumerated() {
            try say(
                "  \(member.name)  \(member.http)  process \(cluster.process(index)?.identifier ?? 0)"
                    + "  store default on \(member.engine.rawValue), store large on \(member.largeEngine.rawValue)")
        }
    }

    private func storeWhileOneDies() async throws {
        let bytes = objects.reduce(0) { $0 + $1.value.readableBytes }
        let name = cluster.members[victim].name
        try say(
            "2. \(objects.count) objects of \(bytes.asBytes): the paragraphs of dpkg's status file, in bucket type"
                + " default on one store, catalogue on the other. Half-way, kill -9 \(name).")
        let crowd = DemoCrowd(cluster.members.map(\.http))
        let bar = ProgressBar("storing ", total: objects.count)
        let half = objects.count / 2
        let counts = await crowd.store(objects, bar: bar) { [cluster, victim] done in
            if done == half { cluster.process(victim)?.signal(SIGKILL) }
        }
        try await crowd.shutdown()
        try bar.finish()
        let ending = await cluster.process(victim)?.ended()
        guard ending == .signalled(SIGKILL) else {
            throw CommandFailure(.refused, "\(name) should have died by SIGKILL, and ended with \(ending as Any)")
        }
        try check(counts, "stored", expected: objects.count)
        let repeated =
            counts.repeated == 0
            ? "" : "; \(counts.repeated) writes were under way at \(name), looked up and settled at another node"
        try say("  \(name) is dead, \(half) objects came after it: 0 errors\(repeated)")
    }

    private func readBack() async throws {
        try say("3. Everything back, byte for byte, from each survivor at R=2:")
        for member in survivors { try await verify(at: member) }
    }

    private func verify(at member: LocalCluster.Member) async throws {
        let crowd = DemoCrowd([member.http])
        let bar = ProgressBar("reading from \(member.name)", total: objects.count)
        let counts = await crowd.verify(objects, bar: bar)
        try await crowd.shutdown()
        try bar.finish()
        try check(counts, "read from \(member.name)", expected: objects.count)
    }

    private func check(_ counts: DemoCrowd.Counts, _ what: String, expected: Int) throws(CommandFailure) {
        guard counts.errorCount > 0 || counts.done != expected else { return }
        let lines = ["\(counts.done) of \(expected) objects \(what), \(counts.errorCount) errors"] + counts.errors
        throw CommandFailure(.unavailable, lines.joined(separator: "\n"))
    }

    private func restart() async throws {
        let member = cluster.members[victim]
        try say("4. \(member.name) starts again on what its disk holds, and everything is read through it at R=2:")
        try cluster.start(victim)
        try await cluster.untilLinked(victim)
        try await verify(at: member)
    }
}

extension DemoScript {
    /// Two clients that read the same version and both write: neither has seen the other's write (Dynamo §4.4).
    private func editAtTheSameTime() async throws {
        let key = ObjectKey(type: "default", bucket: "notes", key: "todo")
        let one = ClusterClient(endpoints: [cluster.members[0].http])
        let other = ClusterClient(endpoints: [cluster.members[victim].http])
        let result: Result<Void, any Error>
        do {
            result = .success(try await edit(key, one, other))
        } catch let error as RotorClientError {
            result = .failure(CommandFailure(error))
        } catch {
            result = .failure(error)
        }
        try await one.shutdown()
        try await other.shutdown()
        try result.get()
    }

    private func edit(_ key: ObjectKey, _ one: ClusterClient, _ other: ClusterClient) async throws {
        try say("5. Two edits of \(key) at once, both from the version 'tea', through two nodes:")
        try await one.put(key, ByteBuffer(string: "tea"), contentType: "text/plain", context: nil)
        let seen = try await one.get(key)
        let edits = ["tea, coffee", "tea, juice"]
        async let first: Void = one.put(
            key, ByteBuffer(string: edits[0]), contentType: "text/plain", context: seen.context)
        async let second: Void = other.put(
            key, ByteBuffer(string: edits[1]), contentType: "text/plain", context: seen.context)
        _ = try await (first, second)

        let both = try await one.get(key)
        for (index, version) in both.versions.enumerated() {
            try say("  sibling \(index + 1)  tag \(version.tag)  '\(String(buffer: version.value))'")
        }
        guard both.versions.map({ String(buffer: $0.value) }).sorted() == edits else {
            throw CommandFailure(.unavailable, "two siblings should be there, and \(both.versions.count) are")
        }

        let words = Set(both.versions.flatMap { String(buffer: $0.value).split(separator: ", ").map(String.init) })
        let merged = words.sorted().joined(separator: ", ")
        try await one.put(key, ByteBuffer(string: merged), contentType: "text/plain", context: both.context)
        let settled = try await other.get(key)
        guard settled.versions.map({ String(buffer: $0.value) }) == [merged] else {
            throw CommandFailure(
                .unavailable, "'\(merged)' should be all that is there, and \(settled.versions.count) versions are")
        }
        try say("  reconciled with the context of both: '\(merged)' is what the other node returns, alone")
    }
}
