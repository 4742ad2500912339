import NIOConcurrencyHelpers
import NIOCore
import Placement
import RiakWire
import RotorClient

/// The paragraphs to store, each under its name in both bucket types, and what came of it.
struct DemoObject: Sendable {
    var key: ObjectKey
    var value: ByteBuffer
}

/// Several writers or readers at once, each with a node that it prefers.
struct DemoCrowd: Sendable {
    struct Counts: Sendable, Equatable {
        var done = 0
        /// Writes that were under way at a node when it died: read, and written again where they had not happened.
        var repeated = 0
        /// What went wrong, at most a few lines of it.
        var errors: [String] = []
        var errorCount = 0

        mutating func add(error: String) {
            errorCount += 1
            if errors.count < 5 { errors.append(error) }
        }
    }

    static let size = 12

    /// One a node to prefer; each fails over to the others.
    let clients: [ClusterClient]

    /// - Parameter endpoints: The nodes to use.
    init(_ endpoints: [Endpoint]) {
        clients = endpoints.indices.map { index in
            ClusterClient(endpoints: Array(endpoints[index...] + endpoints[..<index]))
        }
    }

    func shutdown() async throws {
        for client in clients { try await client.shutdown() }
    }

    /// Writes all. `reached` is called once with each number of objects done.
    func store(
        _ objects: [DemoObject], bar: ProgressBar, reached: @escaping @Sendable (Int) -> Void = { _ in }
    ) async -> Counts {
        await each(objects, bar: bar, reached: reached) { client, object, counts throws(RotorClientError) in
            do throws(RotorClientError) {
                try await client.put(object.key, object.value, contentType: "text/plain", context: nil)
            } catch {
                guard case .outcomeUnknown = error else { throw error }
                counts.withLockedValue { $0.repeated += 1 }
                let found = try await client.get(object.key)
                guard found.versions.map(\.value) != [object.value] else { return }
                try await client.put(object.key, object.value, contentType: "text/plain", context: found.context)
            }
        }
    }

    /// Reads all with R=2 and compares every byte.
    func verify(_ objects: [DemoObject], bar: ProgressBar) async -> Counts {
        var options = ReadOptions()
        options.r = .count(2)
        let asked = options
        return await each(objects, bar: bar, reached: { _ in }) { client, object, counts throws(RotorClientError) in
            let found = try await client.get(object.key, asked)
            guard found.versions.map(\.value) != [object.value] else { return }
            let what = found.isFound ? "\(found.versions.count) versions, not the bytes that were stored" : "nothing"
            counts.withLockedValue { $0.add(error: "\(object.key): \(found.endpoint) returned \(what)") }
        }
    }

    private func each(
        _ objects: [DemoObject], bar: ProgressBar, reached: @escaping @Sendable (Int) -> Void,
        _ body:
            @escaping @Sendable (
                ClusterClient, DemoObject, NIOLockedValueBox<Counts>
            ) async throws(RotorClientError) -> Void
    ) async -> Counts {
        let counts = NIOLockedValueBox(Counts())
        let next = NIOLockedValueBox(0)
        await withTaskGroup { group in
            for worker in 0..<Self.size {
                let client = clients[worker % clients.count]
                group.addTask {
                    while true {
                        let index = next.withLockedValue { next in
                            defer { next += 1 }
                            return next
                        }
                        guard index < objects.count else { return }
                        do throws(RotorClientError) {
                            try await body(client, objects[index], counts)
                        } catch {
                            counts.withLockedValue { $0.add(error: "\(objects[index].key): \(error)") }
                        }
                        bar.advance()
                        reached(
                            counts.withLockedValue { counts in
                                counts.done += 1
                                return counts.done
                            })
                    }
                }
            }
        }
        return counts.withLockedValue { $0 }
    }
}
