public import NIOCore

/// `Link` headers: `</buckets/B/keys/K>; riaktag="T"` points to an object, `</buckets/B>; rel="up"` to the bucket.
public enum LinkHeader {
    /// The links to objects. One up to the bucket must name `bucket`, and is left out.
    public static func links(
        in text: String, of bucket: ByteBuffer
    ) throws(RequestFormError) -> [ObjectMetadata.Link] {
        var links: [ObjectMetadata.Link] = []
        guard let elements = elements(of: text) else { throw .badLink(text, why: "a bracket or quote does not close") }
        for element in elements where !element.trimmed.isEmpty {
            if let link = try link(String(element.trimmed), of: bucket) { links.append(link) }
        }
        return links
    }

    private static func link(
        _ element: String, of bucket: ByteBuffer
    ) throws(RequestFormError) -> ObjectMetadata.Link? {
        let forms = "only </buckets/B/keys/K>; riaktag=\"T\" and </buckets/B>; rel=\"up\" are understood"
        guard element.hasPrefix("<"), let close = element.utf8.firstIndex(of: UInt8(ascii: ">")),
            let parameters = ParameterList.split(element[element.utf8.index(after: close)...], at: UInt8(ascii: ";")),
            parameters.first?.trimmed.isEmpty == true
        else { throw .badLink(element, why: forms) }
        let path = element[..<close].dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var tag: String?
        var relation: String?
        for parameter in parameters.dropFirst() {
            guard let (name, value) = ParameterList.nameAndValue(parameter.trimmed) else { continue }
            if name.isHeader("riaktag") { tag = value }
            if name.isHeader("rel") { relation = value }
        }
        guard path.count >= 3, path[0].isEmpty, path[1] == "buckets" else { throw .badLink(element, why: forms) }
        let named = try PercentCoding.decoded(String(path[2]))
        if path.count == 5, path[3] == "keys", let tag {
            return ObjectMetadata.Link(
                bucket: named, key: try PercentCoding.decoded(String(path[4])), tag: try PercentCoding.decoded(tag))
        }
        guard path.count == 3, relation == "up" else { throw .badLink(element, why: forms) }
        guard named == bucket else { throw .badLink(element, why: "a link up must name the object's own bucket") }
        return nil
    }

    /// One header for all links and the one up to the bucket.
    public static func text(links: [ObjectMetadata.Link], of bucket: ByteBuffer) -> String {
        var text = ""
        for link in links {
            text += "</buckets/\(PercentCoding.encoded(link.bucket))/keys/\(PercentCoding.encoded(link.key))>;"
            text += " riaktag=\"\(PercentCoding.encoded(link.tag))\", "
        }
        return text + "</buckets/\(PercentCoding.encoded(bucket))>; rel=\"up\""
    }

    /// Splits at commas outside brackets and quotes; nil if one of those does not close.
    private static func elements(of text: String) -> [Substring]? {
        var elements: [Substring] = []
        var start = text.startIndex
        var closing: UInt8?
        for index in text.utf8.indices {
            let byte = text.utf8[index]
            if let expected = closing {
                if byte == expected { closing = nil }
            } else if byte == UInt8(ascii: "<") {
                closing = UInt8(ascii: ">")
            } else if byte == UInt8(ascii: "\"") {
                closing = byte
            } else if byte == UInt8(ascii: ",") {
                elements.append(text[start..<index])
                start = text.utf8.index(after: index)
            }
        }
        guard closing == nil else { return nil }
        elements.append(text[start...])
        return elements
    }
}
