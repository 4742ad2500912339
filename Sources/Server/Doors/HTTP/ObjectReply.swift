import NIOCore
import NIOHTTP1
import Node
import Placement
import RiakWire
import Versions

/// An object as a response: its one version, or all its siblings (300), which the client is to reconcile.
struct ObjectReply {
    private let found: FoundObject
    private let key: ObjectKey
    private let request: RequestHeaders
    /// Unix seconds.
    private let now: UInt64
    private let accept: AcceptHeader

    init(_ found: FoundObject, _ key: ObjectKey, _ request: RequestHeaders, now: UInt64) {
        self.found = found
        self.key = key
        self.request = request
        self.now = now
        accept = AcceptHeader(request.accept)
    }

    /// - Parameter vtag: The tag of the one sibling that is wanted.
    func read(vtag: String?) -> HTTPReply {
        do throws(MetadataError) {
            guard let vtag else { return try whole(isRead: true) }
            guard let sibling = found.object.siblings.first(where: { $0.tag == vtag }) else {
                return .notFound(context: nil)
            }
            return try one(sibling, isRead: true)
        } catch {
            return Self.undecodable(error)
        }
    }

    /// After a write that was asked to return the body. The write stands, so whatever the client accepts, it is
    /// answered; nil where the body cannot be shown.
    func written() -> HTTPReply? {
        do throws(MetadataError) {
            return try whole(isRead: false)
        } catch {
            return nil
        }
    }

    private func whole(isRead: Bool) throws(MetadataError) -> HTTPReply {
        let siblings = found.object.siblings
        return siblings.count == 1 ? try one(siblings[0], isRead: isRead) : try several(isRead: isRead)
    }

    private func one(_ sibling: Sibling, isRead: Bool) throws(MetadataError) -> HTTPReply {
        let tag = sibling.tag
        if isRead, let reply = decided(tag: tag, sibling.stamp) { return reply }
        let stored = try ObjectHeaders(metadata: sibling.content.metadata, in: key.bucket)
        if isRead, accept.quality(of: stored.contentType) == 0 {
            return notAcceptable(available: stored.contentType)
        }
        var headers = self.headers(tag: tag, sibling.stamp)
        headers.add(name: "Content-Type", value: stored.contentType)
        if let encoding = stored.contentEncoding { headers.add(name: "Content-Encoding", value: encoding) }
        headers.add(name: "Link", value: stored.link)
        if sibling.isTombstone { headers.add(name: "X-Riak-Deleted", value: "true") }
        for other in stored.others { headers.add(name: other.name, value: other.value) }
        return HTTPReply(.ok, headers: headers, body: sibling.content.value)
    }

    private func several(isRead: Bool) throws(MetadataError) -> HTTPReply {
        let tag = found.object.tag
        let newest = found.object.newest.stamp
        let text = accept.quality(of: "text/plain")
        let multipart = accept.quality(of: "multipart/mixed")
        if isRead, text == 0, multipart == 0 { return notAcceptable(available: "multipart/mixed or text/plain") }
        if isRead, let reply = decided(tag: tag, newest) { return reply }
        var headers = self.headers(tag: tag, newest)
        guard multipart > text else {
            headers.add(name: "Content-Type", value: "text/plain")
            let tags = found.object.siblings.map { $0.tag + "\n" }
            return HTTPReply(
                .multipleChoices, headers: headers, body: ByteBuffer(string: "Siblings:\n" + tags.joined()))
        }
        var parts: [MultipartMixed.Part] = []
        for sibling in found.object.siblings { parts.append(try part(sibling)) }
        let body = MultipartMixed(parts: parts, tag: tag)
        headers.add(name: "Content-Type", value: body.contentType)
        return HTTPReply(.multipleChoices, headers: headers, body: body.encoded())
    }

    private func part(_ sibling: Sibling) throws(MetadataError) -> MultipartMixed.Part {
        let stored = try ObjectHeaders(metadata: sibling.content.metadata, in: key.bucket)
        var headers = [(name: "Content-Type", value: stored.contentType)]
        if let encoding = stored.contentEncoding { headers.append(("Content-Encoding", encoding)) }
        headers.append(("Link", stored.link))
        headers.append(("Etag", sibling.tag))
        headers.append(("Last-Modified", Self.date(sibling.stamp)))
        if sibling.isTombstone { headers.append(("X-Riak-Deleted", "true")) }
        return MultipartMixed.Part(headers: headers + stored.others, body: sibling.content.value)
    }

    /// 304 or 412, where the request's conditions say so.
    private func decided(tag: String, _ stamp: HybridTime) -> HTTPReply? {
        guard !request.preconditions.isEmpty else { return nil }
        switch request.preconditions.verdict(
            tag: tag, lastModified: stamp.milliseconds / 1000, isRead: true, now: now)
        {
        case .proceed: return nil
        case .notModified: return HTTPReply(.notModified, headers: headers(tag: tag, stamp))
        case .failed(let header):
            return HTTPRefusal(
                status: .preconditionFailed, line: "\(header) does not hold: the object's ETag is \"\(tag)\""
            ).reply
        }
    }

    private func headers(tag: String, _ stamp: HybridTime) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers.reserveCapacity(10)
        headers.add(name: "X-Riak-Vclock", value: Base64.encoded(found.context))
        headers.add(name: "ETag", value: "\"" + tag + "\"")
        headers.add(name: "Last-Modified", value: Self.date(stamp))
        return headers
    }

    private func notAcceptable(available: String) -> HTTPReply {
        HTTPRefusal(status: .notAcceptable, line: "Accept excludes what there is: \(available)").reply
    }

    private static func date(_ stamp: HybridTime) -> String {
        HTTPDate.text(unixSeconds: stamp.milliseconds / 1000)
    }

    /// Only a newer node, or damage that no checksum saw, can have stored such metadata.
    private static func undecodable(_ error: MetadataError) -> HTTPReply {
        HTTPRefusal(status: .internalServerError, line: "Error: the object's \(error)", kind: .unavailable).reply
    }
}
