import NIOCore
import NIOHTTP1
import Node
import Placement
import RiakWire
import Versions

/// Carries out requests whose body is here, on any thread.
struct HTTPResponder: Sendable {
    let node: any NodeService
    /// Unix seconds.
    let now: @Sendable () -> UInt64

    /// Calls `done` once, in whatever thread the node answers.
    func respond(to exchange: HTTPExchange, body: ByteBuffer, _ done: @escaping @Sendable (HTTPReply) -> Void) {
        switch exchange.operation {
        case .ping: done(HTTPReply(.ok, headers: ["Content-Type": "text/html"], body: ByteBuffer(string: "OK")))
        case .root: done(RootResource.reply(exchange.headers))
        case .stats:
            Task { done(StatsResource.reply(await node.status())) }
        case .metrics:
            Task { done(MetricsResource.reply(await node.metrics())) }
        case .live:
            Task { done(HealthResource.live(await node.isAlive())) }
        case .ready:
            Task { done(HealthResource.ready(lacking: await node.lacking())) }
        case .location(let key): done(LocationResource.reply(node, key))
        case .get(let get, let vtag): respond(to: exchange, get, vtag, done)
        case .put(var put, let madeKey):
            put.content.value = body
            respond(to: exchange, put, madeKey, done)
        case .delete(let delete): respond(to: exchange, delete, done)
        }
    }

    private func respond(
        to exchange: HTTPExchange, _ get: GetRequest, _ vtag: String?, _ done: @escaping @Sendable (HTTPReply) -> Void
    ) {
        node.perform(.get(get)) { reply in
            switch reply {
            case .found(let found):
                done(ObjectReply(found, get.key, exchange.headers, now: now()).read(vtag: vtag))
            case .notFound(let context): done(.notFound(context: context))
            case .failed(let failure): done(HTTPRefusal(failure, isRead: true).reply)
            case .stored, .deleted: done(.unexpected(reply, to: "a get"))
            }
        }
    }

    private func respond(
        to exchange: HTTPExchange, _ put: PutRequest, _ madeKey: Bool, _ done: @escaping @Sendable (HTTPReply) -> Void
    ) {
        afterCheck(of: exchange, put.key, done) { condition in
            var conditional = put
            conditional.condition = condition
            node.perform(.put(conditional)) { reply in
                switch reply {
                case .stored(let stored):
                    var answer =
                        stored.flatMap { ObjectReply($0, put.key, exchange.headers, now: now()).written() }
                        ?? HTTPReply(madeKey ? .created : .noContent)
                    if madeKey {
                        if answer.status == .ok { answer.status = .created }
                        answer.headers.add(name: "Location", value: RequestTarget.path(of: put.key))
                    }
                    done(answer)
                case .failed(let failure): done(refusal(of: exchange, failure).reply)
                case .found, .notFound, .deleted: done(.unexpected(reply, to: "a put"))
                }
            }
        }
    }

    private func respond(
        to exchange: HTTPExchange, _ delete: DeleteRequest, _ done: @escaping @Sendable (HTTPReply) -> Void
    ) {
        afterCheck(of: exchange, delete.key, done) { condition in
            var conditional = delete
            conditional.condition = condition
            node.perform(.delete(conditional)) { reply in
                switch reply {
                case .deleted: done(HTTPReply(.noContent))
                case .notFound(let context): done(.notFound(context: context))
                case .failed(let failure): done(refusal(of: exchange, failure).reply)
                case .found, .stored: done(.unexpected(reply, to: "a delete"))
                }
            }
        }
    }

    /// What a conditional write's node is to hold it to. Tags and dates are the door's own business: it reads the
    /// object, and what it found is to be unchanged when the node writes.
    private func afterCheck(
        of exchange: HTTPExchange, _ key: ObjectKey, _ done: @escaping @Sendable (HTTPReply) -> Void,
        write: @escaping @Sendable (WriteCondition?) -> Void
    ) {
        let preconditions = exchange.headers.preconditions
        let condition = exchange.unmodifiedContext.map { WriteCondition.unchanged(since: $0) }
        guard preconditions.concernWrites else { return write(condition) }
        if preconditions.askForAbsence, condition == nil { return write(.absent) }
        node.perform(.get(GetRequest(key: key, exchange.options))) { reply in
            let found: FoundObject?
            switch reply {
            case .found(let object): found = object
            case .notFound: found = nil
            // Nothing was written yet.
            case .failed(let failure): return done(HTTPRefusal(failure, isRead: true).reply)
            case .stored, .deleted: return done(.unexpected(reply, to: "a get"))
            }
            if let refusal = refusal(by: preconditions, found) { return done(refusal.reply) }
            write(condition ?? found.map { .unchanged(since: $0.context) } ?? .absent)
        }
    }

    private func refusal(by preconditions: Preconditions, _ found: FoundObject?) -> HTTPRefusal? {
        let verdict = preconditions.verdict(
            tag: found?.object.tag, lastModified: found.map { $0.object.newest.stamp.milliseconds / 1000 },
            isRead: false, now: now())
        guard case .failed(let header) = verdict else { return nil }
        let present = found.map { "the object's ETag is \"\($0.object.tag)\"" } ?? "there is no object"
        return HTTPRefusal(status: .preconditionFailed, line: "\(header) does not hold: \(present)")
    }

    /// Of a write. Riak answers 409 where its own header does not hold, and 412 for those of HTTP.
    private func refusal(of exchange: HTTPExchange, _ failure: RequestFailure) -> HTTPRefusal {
        var refusal = HTTPRefusal(failure, isRead: false)
        if case .conditionFailed = failure, exchange.unmodifiedContext == nil { refusal.status = .preconditionFailed }
        return refusal
    }
}

extension HTTPReply {
    static func notFound(context: ByteBuffer?) -> HTTPReply {
        var reply = HTTPReply(.notFound, line: "not found")
        if let context {
            reply.headers.add(name: "X-Riak-Deleted", value: "true")
            reply.headers.add(name: "X-Riak-Vclock", value: Base64.encoded(context))
        }
        return reply
    }

    /// The node broke its contract: nothing is known about what it did.
    static func unexpected(_ reply: ClientReply, to request: String) -> HTTPReply {
        let kind =
            switch reply {
            case .found: "found"
            case .notFound: "notFound"
            case .stored: "stored"
            case .deleted: "deleted"
            case .failed: "failed"
            }
        return HTTPRefusal(
            status: .internalServerError, line: "Error: the node answered \(request) with '\(kind)'",
            kind: .outcomeUnknown
        ).reply
    }
}
