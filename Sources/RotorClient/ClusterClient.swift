import FoundationEssentials
public import NIOCore
public import Placement
import RiakWire
import Synchronization

/// Reads and writes the objects of a cluster through any of its nodes, over HTTP.
///
/// A node that is down, or says that it cannot do a request and has written nothing, is passed over for the next one;
/// the node that answered last is asked first the next time. A write that may have reached a node is never sent to
/// another: its outcome is unknown, and that is what the caller is told.
public final class ClusterClient: Sendable {
    public let endpoints: [Endpoint]
    private let settings: ClientSettings
    private let connections: NodeConnections
    /// Index of the endpoint to ask first.
    private let preferred = Atomic<Int>(0)

    /// - Parameter endpoints: At least one, in the order in which they are tried at first.
    public init(endpoints: [Endpoint], settings: ClientSettings = ClientSettings()) {
        precondition(!endpoints.isEmpty, "a client of no endpoint at all")
        self.endpoints = endpoints
        self.settings = settings
        connections = NodeConnections(settings)
    }

    /// Ends all connections. Must be called once, after the last request.
    public func shutdown() async throws {
        try await connections.shutdown()
    }

    // MARK: objects

    public func get(
        _ key: ObjectKey, _ options: ReadOptions = ReadOptions()
    ) async throws(RotorClientError) -> StoredObject {
        // The single value is taken as it is, siblings in full instead of a list of their tags.
        let question = Question(
            method: .get, target: try Self.path(of: key) + options.query,
            headers: [("Accept", "multipart/mixed, */*;q=0.5")])
        let (answer, endpoint) = try await ask(question, timeout: options.timeoutMilliseconds)
        var object = StoredObject(
            versions: [], context: answer.header("x-riak-vclock").flatMap { ObjectContext($0) }, endpoint: endpoint)
        switch answer.status {
        case 200:
            object.versions = [StoredVersion(answer)]
        case 300:
            do throws(MultipartError) {
                let body = try MultipartMixed(
                    decoding: answer.body, contentType: answer.header("content-type") ?? "")
                object.versions = body.parts.map { StoredVersion($0) }
            } catch {
                throw .unavailable("\(endpoint) sent siblings that cannot be read: \(error)")
            }
        case 404: break
        default: throw Self.unexpected(answer, endpoint)
        }
        return object
    }

    /// The context of an object, without its values; nil if nothing is known of it.
    public func context(
        of key: ObjectKey, _ options: ReadOptions = ReadOptions()
    ) async throws(RotorClientError) -> ObjectContext? {
        let question = Question(method: .head, target: try Self.path(of: key) + options.query)
        do throws(RotorClientError) {
            let (answer, endpoint) = try await ask(question, timeout: options.timeoutMilliseconds)
            switch answer.status {
            case 200, 300, 404: return answer.header("x-riak-vclock").flatMap { ObjectContext($0) }
            default: throw Self.unexpected(answer, endpoint)
            }
        } catch {
            // The answer to a HEAD has no room for the reason.
            return try await get(key, options).context
        }
    }

    /// Writes a version that supersedes what `context` covers. Without a context it supersedes nothing.
    public func put(
        _ key: ObjectKey, _ value: ByteBuffer, contentType: String, context: ObjectContext?,
        _ options: WriteOptions = WriteOptions()
    ) async throws(RotorClientError) {
        // A line break would begin another header.
        guard contentType.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw .refused("the content type has control characters")
        }
        var question = Question(
            method: .put, target: try Self.path(of: key) + options.query,
            headers: [("Content-Type", contentType)], body: value)
        if let context { question.headers.append(("X-Riak-Vclock", context.text)) }
        let (answer, endpoint) = try await ask(question, timeout: options.timeoutMilliseconds)
        guard answer.status == 204 else { throw Self.unexpected(answer, endpoint) }
    }

    /// Deletes what `context` covers; without a context, what the node that coordinates it finds.
    /// - Returns: Whether there was anything to delete.
    public func delete(
        _ key: ObjectKey, context: ObjectContext? = nil, _ options: WriteOptions = WriteOptions()
    ) async throws(RotorClientError) -> Bool {
        var question = Question(method: .delete, target: try Self.path(of: key) + options.query)
        if let context { question.headers.append(("X-Riak-Vclock", context.text)) }
        let (answer, endpoint) = try await ask(question, timeout: options.timeoutMilliseconds)
        switch answer.status {
        case 204: return true
        case 404: return false
        default: throw Self.unexpected(answer, endpoint)
        }
    }

    // MARK: reports

    public func whereabouts(of key: ObjectKey) async throws(RotorClientError) -> ObjectWhereabouts {
        try await report(Self.path(of: key) + "/preflist", as: ObjectWhereabouts.self)
    }

    /// Of the first node that answers.
    public func status() async throws(RotorClientError) -> NodeReport {
        try await report("/stats", as: StatsAnswer.self).rotor
    }

    private func report<Report: Decodable>(
        _ path: String, as type: Report.Type
    ) async throws(RotorClientError) -> Report {
        let (answer, endpoint) = try await ask(Question(method: .get, target: path), timeout: nil)
        guard answer.status == 200 else { throw Self.unexpected(answer, endpoint) }
        do {
            return try JSONDecoder().decode(type, from: Data(answer.body.readableBytesView))
        } catch {
            throw .unavailable("\(endpoint) sent a report that cannot be read: \(error)")
        }
    }

    /// An empty name would make the path that of something else.
    private static func path(of key: ObjectKey) throws(RotorClientError) -> String {
        for (part, bytes) in [("bucket type", key.type), ("bucket", key.bucket), ("key", key.key)]
        where bytes.readableBytes == 0 {
            throw .refused("\(part) cannot be zero-length")
        }
        return RequestTarget.path(of: key)
    }

    private static func unexpected(_ answer: Answer, _ endpoint: Endpoint) -> RotorClientError {
        .refused("\(endpoint) answered with HTTP status \(answer.status): \(answer.line)")
    }

    // MARK: failover

    /// Asks one node after the other until one does it or refuses it.
    private func ask(
        _ question: Question, timeout: Int?
    ) async throws(RotorClientError) -> (Answer, Endpoint) {
        let clock = ContinuousClock()
        let end =
            clock.now + .milliseconds((timeout ?? settings.requestMilliseconds) + settings.graceMilliseconds)
        let first = preferred.load(ordering: .relaxed)
        var failures: [String] = []
        for step in endpoints.indices {
            let index = (first + step) % endpoints.count
            let endpoint = endpoints[index]
            let left = end - clock.now
            guard left > .zero else { break }
            // A read leaves time to ask the others; a write that was sent cannot be taken elsewhere anyway.
            let limit = question.method.writes ? left : left / (endpoints.count - step)
            let answer: Answer
            do throws(ConnectionFailure) {
                answer = try await connections.ask(question, at: endpoint, within: limit)
            } catch {
                switch error {
                case .notSent(let reason): failures.append("\(endpoint): \(reason)")
                case .malformed(let reason): throw .refused(reason)
                case .broken(let reason):
                    if question.method.writes { throw .outcomeUnknown("\(endpoint): \(reason)") }
                    failures.append("\(endpoint): \(reason)")
                }
                continue
            }
            switch Self.failure(in: answer, to: question) {
            case .unavailable(let line):
                failures.append("\(endpoint): \(line)")
            case .some(let failure):
                throw failure
            case nil:
                preferred.store(index, ordering: .relaxed)
                return (answer, endpoint)
            }
        }
        throw .unavailable(failures.joined(separator: "; "))
    }

    /// What a node's answer says about why it did not do the request; nil if it did, or found nothing.
    private static func failure(in answer: Answer, to question: Question) -> RotorClientError? {
        switch answer.header("x-rotor-failure") {
        case "refused" where answer.status == 413 && answer.body.readableBytes == 0:
            // Refused while it was still being sent, and the node's words were lost with the connection.
            return .refused("object of \(question.body?.readableBytes ?? 0) bytes: more than the node takes")
        case "refused": return .refused(answer.line)
        case "unavailable": return .unavailable(answer.line)
        case "outcome-unknown": return .outcomeUnknown(answer.line)
        default: break
        }
        switch answer.status {
        case 200..<400, 404: return nil
        case 400..<500: return .refused(answer.line)
        // Whoever answers so is no node of ours, or is between us and one.
        default: return question.method.writes ? .outcomeUnknown(answer.line) : .unavailable(answer.line)
        }
    }
}
