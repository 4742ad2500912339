import NIOCore
import NIOHTTP1
import Node

/// A whole response, but for the headers that the connection adds.
struct HTTPReply: Sendable {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders
    var body: ByteBuffer

    init(_ status: HTTPResponseStatus, headers: HTTPHeaders = HTTPHeaders(), body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// One line of plain text.
    init(_ status: HTTPResponseStatus, line: String) {
        self.init(
            status, headers: ["Content-Type": "text/plain"], body: ByteBuffer(string: line + "\n"))
    }
}

/// What `X-Rotor-Failure` tells a client of a request that was not done.
enum FailureKind: String, Sendable {
    /// Nothing was done, and the same request fails again.
    case refused
    /// Nothing was written; another node, or a later time, may do it.
    case unavailable
    /// A write may or may not have happened.
    case outcomeUnknown = "outcome-unknown"
}

/// A request that the door itself does not pass on.
struct HTTPRefusal: Error {
    var status: HTTPResponseStatus
    var line: String
    var kind = FailureKind.refused
    var headers: [(String, String)] = []

    var reply: HTTPReply {
        var reply = HTTPReply(status, line: line)
        reply.headers.add(name: "X-Rotor-Failure", value: kind.rawValue)
        for (name, value) in headers { reply.headers.add(name: name, value: value) }
        return reply
    }
}

extension HTTPRefusal {
    /// - Parameter isRead: A read that fails has no outcome that could be unknown.
    init(_ failure: RequestFailure, isRead: Bool) {
        let kind: FailureKind =
            switch failure.consequence {
            case .refused: .refused
            case .unavailable: .unavailable
            case .outcomeUnknown: isRead ? .unavailable : .outcomeUnknown
            }
        self.init(status: Self.status(of: failure, kind), line: failure.description, kind: kind)
        switch failure {
        case .notReady, .overloaded, .clockBehind, .storage(.overloaded): headers.append(("Retry-After", "1"))
        default: break
        }
    }

    private static func status(of failure: RequestFailure, _ kind: FailureKind) -> HTTPResponseStatus {
        switch failure {
        case .unknownBucketType: .notFound
        case .objectTooLarge, .storage(.tooLarge): .payloadTooLarge
        case .conditionFailed: .conflict
        default: kind == .refused ? .badRequest : .serviceUnavailable
        }
    }
}
