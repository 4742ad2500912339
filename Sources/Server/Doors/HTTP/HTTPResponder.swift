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
        afterCheck(of: exchange, put.key, done) {
            node.perform(.put(put)) { reply in
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
                case .failed(let failure): done(HTTPRefusal(failure, isRead: false).reply)
                case .found, .notFound, .deleted: done(.unexpected(reply, to: "a put"))
                }
            }
        }
    }

    private func respond(
        to exchange: HTTPExchange, _ delete: DeleteRequest, _ done: @escaping @Sendable (HTTPReply) -> Void
    ) {
        afterCheck(of: exchange, delete.key, done) {
            node.perform(.delete(delete)) { reply in
                switch reply {
                case .deleted: done(HTTPReply(.noContent))
                case .notFound(let context): done(.notFound(context: context))
                case .failed(let failure): done(HTTPRefusal(failure, isRead: false).reply)
                case .found, .stored: done(.unexpected(reply, to: "a delete"))
                }
            }
        }
    }

    /// Reads the object before a conditional write. Another write may come in between: a condition is no lock, and two
    /// clients whose conditions both held make siblings, unless each brings the context of what it saw.
    private func afterCheck(
        of exchange: HTTPExchange, _ key: ObjectKey, _ done: @escaping @Sendable (HTTPReply) -> Void,
        write: @escaping @Sendable () -> Void
    ) {
        guard exchange.isConditional else { return write() }
        node.perform(.get(GetRequest(key: key, exchange.options))) { reply in
            switch reply {
            case .found(let found):
                if let refusal = refusal(of: exchange, found) { done(refusal.reply) } else { write() }
            case .notFound:
                if let refusal = refusal(of: exchange, nil) { done(refusal.reply) } else { write() }
            // Nothing was written yet.
            case .failed(let failure): done(HTTPRefusal(failure, isRead: true).reply)
            case .stored, .deleted: done(.unexpected(reply, to: "a get"))
            }
        }
    }

    private func refusal(of exchange: HTTPExchange, _ found: FoundObject?) -> HTTPRefusal? {
        let verdict = exchange.headers.preconditions.verdict(
            tag: found?.object.tag, lastModified: found.map { $0.object.newest.stamp.milliseconds / 1000 },
            isRead: false, now: now())
        if case .failed(let header) = verdict {
            let present = found.map { "the object's ETag is \"\($0.object.tag)\"" } ?? "there is no object"
            return HTTPRefusal(status: .preconditionFailed, line: "\(header) does not hold: \(present)")
        }
        guard let expected = exchange.unmodifiedContext else { return nil }
        guard let found else {
            return HTTPRefusal(status: .conflict, line: "notfound: X-Riak-If-Not-Modified, but there is no object")
        }
        do throws(ContextError) {
            let isSame = try Context.unverified(expected).sameVersion(as: Context.unverified(found.context))
            return isSame
                ? nil
                : HTTPRefusal(
                    status: .conflict, line: "modified: the object has changed since X-Riak-If-Not-Modified")
        } catch {
            return HTTPRefusal(RequestFailure.contextRefused(error.description), isRead: true)
        }
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
