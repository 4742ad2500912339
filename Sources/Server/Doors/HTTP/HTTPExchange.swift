import NIOCore
import NIOHTTP1
import Node
import Placement
import RiakWire
import Versions

/// What a request asks for, understood from its head, before any of its body is read.
enum HTTPOperation: Sendable {
    case root
    case ping
    case stats
    case metrics
    case live
    case ready
    case location(ObjectKey)
    case get(GetRequest, vtag: String?)
    /// The value is still to come. `madeKey`: the server chose the key.
    case put(PutRequest, madeKey: Bool)
    case delete(DeleteRequest)

    var takesBody: Bool {
        if case .put = self { true } else { false }
    }
}

struct HTTPExchange: Sendable {
    var operation: HTTPOperation
    var options: RequestOptions
    var headers: RequestHeaders
    /// What `X-Riak-If-Not-Modified` holds.
    var unmodifiedContext: ByteBuffer?

    init(_ head: HTTPRequestHead, _ settings: HTTPDoorSettings) throws(HTTPRefusal) {
        let length = head.uri.utf8.count
        guard length <= settings.maximumTargetBytes else {
            throw HTTPRefusal(
                status: .uriTooLong,
                line: "request target of \(length) bytes: at most \(settings.maximumTargetBytes) are allowed")
        }
        let target = try formed { () throws(RequestFormError) in try RequestTarget(parsing: head.uri) }
        guard let resource = target.resource else {
            throw HTTPRefusal(status: .notFound, line: "nothing is at this path: GET / lists what there is")
        }
        options = target.options
        headers = RequestHeaders(head.headers)
        operation = try Self.operation(head.method, resource, options, headers)
        let headers = headers
        unmodifiedContext = try formed { () throws(RequestFormError) in try headers.unmodifiedContext() }
        if operation.takesBody, let length = headers.contentLength, length > settings.maximumBodyBytes {
            throw .bodyTooLarge(bytes: length, limit: settings.maximumBodyBytes)
        }
    }

    private static func operation(
        _ method: HTTPMethod, _ resource: RequestTarget.Resource, _ options: RequestOptions, _ headers: RequestHeaders
    ) throws(HTTPRefusal) -> HTTPOperation {
        switch (resource, method) {
        case (.root, .GET), (.root, .HEAD): return .root
        case (.ping, .GET), (.ping, .HEAD): return .ping
        case (.stats, .GET), (.stats, .HEAD): return .stats
        case (.metrics, .GET), (.metrics, .HEAD): return .metrics
        case (.live, .GET), (.live, .HEAD): return .live
        case (.ready, .GET), (.ready, .HEAD): return .ready
        case (.preferenceList(let key), .GET), (.preferenceList(let key), .HEAD): return .location(key)
        case (.object(let key), .GET), (.object(let key), .HEAD):
            return .get(GetRequest(key: key, options), vtag: options.vtag)
        case (.object(let key), .PUT), (.object(let key), .POST):
            return .put(try put(key, options, headers), madeKey: false)
        case (.keys(let type, let bucket), .POST):
            let key = ObjectKey(type: type, bucket: bucket, key: ByteBuffer(string: MadeKey.text()))
            return .put(try put(key, options, headers), madeKey: true)
        case (.object(let key), .DELETE):
            let context = try formed { () throws(RequestFormError) in try headers.context() }
            return .delete(DeleteRequest(key: key, context: context, options))
        case (.object, _): throw .methodNotAllowed(method, allowed: "GET, HEAD, PUT, POST, DELETE")
        case (.keys, _): throw .methodNotAllowed(method, allowed: "POST")
        case (.root, _), (.ping, _), (.stats, _), (.metrics, _), (.live, _), (.ready, _), (.preferenceList, _):
            throw .methodNotAllowed(method, allowed: "GET, HEAD")
        }
    }

    private static func put(
        _ key: ObjectKey, _ options: RequestOptions, _ headers: RequestHeaders
    ) throws(HTTPRefusal) -> PutRequest {
        let context = try formed { () throws(RequestFormError) in try headers.context() }
        let metadata = try formed { () throws(RequestFormError) in try headers.metadata(in: key.bucket) }
        var put = PutRequest(key: key, content: Content(metadata: metadata), context: context)
        put.w = options.w?.quorum
        put.pw = options.pw?.quorum
        put.dw = options.dw?.quorum
        put.sloppyQuorum = options.sloppyQuorum
        put.returnBody = options.returnBody ?? false
        put.timeoutMilliseconds = options.timeoutMilliseconds
        return put
    }
}

extension GetRequest {
    init(key: ObjectKey, _ options: RequestOptions) {
        self.init(key: key)
        r = options.r?.quorum
        pr = options.pr?.quorum
        basicQuorum = options.basicQuorum
        notFoundOK = options.notFoundOK
        sloppyQuorum = options.sloppyQuorum
        timeoutMilliseconds = options.timeoutMilliseconds
    }
}

extension DeleteRequest {
    init(key: ObjectKey, context: ByteBuffer?, _ options: RequestOptions) {
        self.init(key: key, context: context)
        r = (options.r ?? options.rw)?.quorum
        w = (options.w ?? options.rw)?.quorum
        pr = options.pr?.quorum
        pw = options.pw?.quorum
        dw = options.dw?.quorum
        sloppyQuorum = options.sloppyQuorum
        timeoutMilliseconds = options.timeoutMilliseconds
    }
}

extension QuorumValue {
    fileprivate var quorum: Quorum? {
        switch self {
        case .byDefault: nil
        case .one: .one
        case .quorum: .quorum
        case .all: .all
        case .count(let count): .count(count)
        }
    }
}

extension HTTPRefusal {
    static func bodyTooLarge(bytes: Int, limit: Int) -> HTTPRefusal {
        HTTPRefusal(status: .payloadTooLarge, line: "object of \(bytes) bytes: at most \(limit) are allowed")
    }

    static func methodNotAllowed(_ method: HTTPMethod, allowed: String) -> HTTPRefusal {
        HTTPRefusal(
            status: .methodNotAllowed, line: "\(method.rawValue) cannot be done here: \(allowed) can",
            headers: [("Allow", allowed)])
    }
}

/// Does what may find fault with the request's form.
private func formed<Value>(
    _ body: () throws(RequestFormError) -> Value
) throws(HTTPRefusal) -> Value {
    do throws(RequestFormError) {
        return try body()
    } catch {
        switch error {
        case .badMediaType: throw HTTPRefusal(status: .unsupportedMediaType, line: error.description)
        default: throw HTTPRefusal(status: .badRequest, line: error.description)
        }
    }
}

/// Keys for objects that are stored without one: 128 random bits.
enum MadeKey {
    private static let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    static func text() -> String {
        var generator = SystemRandomNumberGenerator()
        var rest = UInt128.random(in: 0...UInt128.max, using: &generator)
        return String(unsafeUninitializedCapacity: 22) { text in
            for position in (0..<22).reversed() {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 62)
                text[position] = digits[Int(digit)]
                rest = quotient
            }
            return 22
        }
    }
}
