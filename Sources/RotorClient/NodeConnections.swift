import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import RiakWire

/// One request, the same for every node it may be sent to.
struct Question: Sendable {
    enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
        case put = "PUT"
        case delete = "DELETE"

        var writes: Bool { self == .put || self == .delete }
    }

    var method: Method
    /// Path and query, escaped.
    var target: String
    var headers: [(name: String, value: String)] = []
    var body: ByteBuffer?
}

/// One node's whole response.
struct Answer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: ByteBuffer

    func header(_ name: String) -> String? {
        headers.first(name: name)
    }

    /// The node's own words: errors are one line of text.
    var line: String {
        let text = String(buffer: body.getSlice(at: body.readerIndex, length: min(body.readableBytes, 1000)) ?? body)
        let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        return line.isEmpty ? "HTTP status \(status)" : line
    }
}

/// Why there is no answer.
enum ConnectionFailure: Error {
    /// The node has not seen the request.
    case notSent(String)
    /// The request, or a part of it, may have reached the node.
    case broken(String)
    /// The request cannot be written as HTTP.
    case malformed(String)
}

/// Keeps connections to nodes and sends requests over them.
struct NodeConnections: Sendable {
    private let client: HTTPClient
    private let settings: ClientSettings

    init(_ settings: ClientSettings) {
        self.settings = settings
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .milliseconds(Int64(settings.connectMilliseconds))
        configuration.redirectConfiguration = .disallow
        // Where a node is down, the next one is asked; knocking on is of no use.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = settings.connectionsPerNode
        // Before the node does it: a write that meets a closing connection has an unknown outcome.
        configuration.connectionPool.idleTimeout = .seconds(20)
        client = HTTPClient(
            eventLoopGroupProvider: .shared(.singletonMultiThreadedEventLoopGroup), configuration: configuration)
    }

    func ask(
        _ question: Question, at endpoint: Endpoint, within limit: Duration
    ) async throws(ConnectionFailure) -> Answer {
        var request = HTTPClientRequest(url: "http://\(endpoint)\(question.target)")
        request.method = HTTPMethod(rawValue: question.method.rawValue)
        for header in question.headers { request.headers.add(name: header.name, value: header.value) }
        if let body = question.body {
            let pieces = BodyPieces(body)
            request.body = .stream(pieces, length: .known(Int64(body.readableBytes)))
        }
        let response: HTTPClientResponse
        do {
            response = try await client.execute(request, deadline: .now() + .nanoseconds(limit.nanoseconds))
        } catch {
            throw Self.failure(error, limit)
        }
        var answer = Answer(status: Int(response.status.code), headers: response.headers, body: ByteBuffer())
        do {
            answer.body = try await response.body.collect(upTo: settings.maximumAnswerBytes)
        } catch {
            // A node that refuses a request before its end closes the connection while it is still being sent: that
            // it did refuse counts, though its words may be lost.
            guard answer.header("x-rotor-failure") != nil else { throw Self.failure(error, limit) }
        }
        return answer
    }

    func shutdown() async throws {
        try await client.shutdown()
    }

    private static func failure(_ error: any Error, _ limit: Duration) -> ConnectionFailure {
        switch error {
        case let error as IOError where cannotConnect.contains(error.errnoCode):
            return .notSent(error.errnoCode == ECONNREFUSED ? "connection refused" : "\(error)")
        case let error as NIOConnectionError:
            let refused = error.connectionErrors.contains { ($0.error as? IOError)?.errnoCode == ECONNREFUSED }
            let unknown = error.dnsAError != nil && error.dnsAAAAError != nil
            return .notSent(refused ? "connection refused" : unknown ? "unknown host \(error.host)" : "\(error)")
        case let error as SocketAddressError:
            return .notSent("\(error)")
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout: return .notSent("no connection within the time allowed")
            case .getConnectionFromPoolTimeout: return .notSent("no connection became free in time")
            case .remoteConnectionClosed: return .broken("the connection was closed before the answer")
            case .deadlineExceeded: return .broken("no answer within \(limit.milliseconds) ms")
            case .invalidURL, .emptyHost: return .malformed(error.shortDescription)
            default: return .broken(error.shortDescription)
            }
        default:
            return .broken("\(error)")
        }
    }

    /// What only an attempt to connect can meet.
    private static let cannotConnect: [CInt] = [
        ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EADDRNOTAVAIL,
    ]
}

/// A body in pieces: were it one, a node that refuses a large one early would not be heard before all of it is sent.
private struct BodyPieces: AsyncSequence, Sendable {
    struct AsyncIterator: AsyncIteratorProtocol {
        var rest: ByteBuffer

        mutating func next() -> ByteBuffer? {
            rest.readableBytes == 0 ? nil : rest.readSlice(length: Swift.min(rest.readableBytes, 256 << 10))
        }
    }

    private let body: ByteBuffer

    init(_ body: ByteBuffer) {
        self.body = body
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(rest: body) }
}

extension Duration {
    var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }

    var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
