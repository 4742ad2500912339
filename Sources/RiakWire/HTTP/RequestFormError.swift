/// What is wrong with the form of a request, before the node is asked. Its description is one line for the client.
public enum RequestFormError: Error, Hashable, Sendable {
    /// A `%` without two hexadecimal digits behind it.
    case badEscape(in: String)
    /// A byte that a request target must not hold unescaped.
    case rawByte(UInt8)
    case badOption(name: String, value: String, allowed: String)
    /// An option that this server could only pretend to honour.
    case unsupportedOption(name: String, value: String, instead: String)
    case missingContentType
    case badMediaType(String)
    case badBase64(header: String)
    case badLink(String, why: String)
    case badIndexEntry(name: String, value: String, why: String)
}

extension RequestFormError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badEscape(let text):
            "'\(text.shortened)': a % must be followed by two hexadecimal digits (write %25 for the sign itself)"
        case .rawByte(let byte):
            "byte 0x\(String(byte, radix: 16)) in the request target: percent-encode it"
        case .badOption(let name, let value, let allowed):
            "query parameter \(name) must be \(allowed), not '\(value.shortened)'"
        case .unsupportedOption(let name, let value, let instead):
            "query parameter \(name)=\(value.shortened) is not supported: \(instead)"
        case .missingContentType:
            "Missing Content-Type request header"
        case .badMediaType(let value):
            "Content-Type '\(value.shortened)' is not of the form type/subtype"
        case .badBase64(let header):
            "\(header) is not base64: send back the bytes of the X-Riak-Vclock header as they came"
        case .badLink(let text, let why):
            "Link '\(text.shortened)': \(why)"
        case .badIndexEntry(let name, let value, let why):
            "index entry \(name.shortened)=\(value.shortened): \(why)"
        }
    }
}

extension String {
    /// For messages: one line, and not a client's whole text.
    fileprivate var shortened: String {
        let printable = String(String.UnicodeScalarView(unicodeScalars.prefix(80).map { $0.value < 32 ? " " : $0 }))
        return unicodeScalars.count > 80 ? printable + "…" : printable
    }
}
