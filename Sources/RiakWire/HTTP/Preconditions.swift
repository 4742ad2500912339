/// Conditions under which a request is to be carried out (RFC 9110 §13).
public struct Preconditions: Hashable, Sendable {
    public enum Verdict: Hashable, Sendable {
        case proceed
        /// A read whose client has it already: 304.
        case notModified
        /// 412, because of this header.
        case failed(String)
    }

    public var ifMatch: String?
    public var ifNoneMatch: String?
    public var ifModifiedSince: String?
    public var ifUnmodifiedSince: String?

    public init() {}

    /// Whether a write has to look at the object first.
    public var concernWrites: Bool { ifMatch != nil || ifNoneMatch != nil || ifUnmodifiedSince != nil }

    /// Of a write: nothing but that there is no object.
    public var askForAbsence: Bool { ifNoneMatch == "*" && ifMatch == nil && ifUnmodifiedSince == nil }

    public var isEmpty: Bool { !concernWrites && ifModifiedSince == nil }

    /// - Parameters:
    ///   - tag: The object's entity tag, unquoted; nil if there is no object.
    ///   - lastModified: Unix seconds.
    ///   - now: Unix seconds.
    public func verdict(tag: String?, lastModified: UInt64?, isRead: Bool, now: UInt64) -> Verdict {
        if let ifMatch {
            guard let tag, Self.contains(tag, in: ifMatch, weakly: false) else { return .failed("If-Match") }
        } else if let text = ifUnmodifiedSince, let date = HTTPDate.unixSeconds(text, now: now), let lastModified,
            lastModified > date
        {
            return .failed("If-Unmodified-Since")
        }
        if let ifNoneMatch {
            guard let tag, Self.contains(tag, in: ifNoneMatch, weakly: true) else { return .proceed }
            return isRead ? .notModified : .failed("If-None-Match")
        }
        if isRead, let text = ifModifiedSince, let date = HTTPDate.unixSeconds(text, now: now), let lastModified,
            lastModified <= date
        {
            return .notModified
        }
        return .proceed
    }

    /// `*`, or a list of quoted tags, of which those behind `W/` are weak.
    private static func contains(_ tag: String, in list: String, weakly: Bool) -> Bool {
        for element in ParameterList.split(list[...], at: UInt8(ascii: ",")) ?? [] {
            var text = element.trimmed
            if text == "*" { return true }
            if text.hasPrefix("W/") {
                guard weakly else { continue }
                text = text.dropFirst(2)
            }
            if text.utf8.count == tag.utf8.count + 2, text.hasPrefix("\""), text.hasSuffix("\""),
                text.dropFirst().dropLast() == tag
            {
                return true
            }
        }
        return false
    }
}
