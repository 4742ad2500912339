/// A `Content-Type` as a client sends it, with its charset taken out.
struct MediaType {
    /// Type, subtype and all other parameters, as they came.
    private(set) var withoutCharset: Substring
    /// Without quotes.
    private(set) var charset: String?

    init(parsing text: String) throws(RequestFormError) {
        if Self.isEssence(text) {
            withoutCharset = text[...]
            return
        }
        let parts = try ParameterList.split(text)
        let essence = parts.first?.trimmed ?? ""
        guard Self.isEssence(essence) else { throw .badMediaType(text) }
        var kept = String(essence)
        for part in parts.dropFirst() {
            let parameter = part.trimmed
            if parameter.isEmpty { continue }
            guard let (name, value) = ParameterList.nameAndValue(parameter) else { throw .badMediaType(text) }
            if name.isHeader("charset"), charset == nil { charset = value } else { kept += "; " + parameter }
        }
        withoutCharset = kept[...]
    }

    /// `type/subtype` and nothing else, as most requests have it.
    private static func isEssence(_ text: some StringProtocol) -> Bool {
        var slashes = 0
        var last = UInt8(ascii: "/")
        for byte in text.utf8 {
            if byte == UInt8(ascii: "/") {
                slashes += 1
                if last == byte { return false }
            } else if !byte.isTokenCharacter {
                return false
            }
            last = byte
        }
        return slashes == 1 && last != UInt8(ascii: "/")
    }

    /// What a `Content-Type` header says of a value stored with this type and charset.
    static func text(contentType: String, charset: String?) -> String {
        guard let charset else { return contentType }
        let isToken = !charset.isEmpty && charset.utf8.allSatisfy(\.isTokenCharacter)
        return contentType + "; charset=" + (isToken ? charset : ParameterList.quoted(charset))
    }
}

/// `value; name=value; name="quoted"`, as Content-Type, Accept and Link have it.
enum ParameterList {
    /// Splits at semicolons outside quotes. Quotes that do not close are refused.
    static func split(_ text: String) throws(RequestFormError) -> [Substring] {
        guard let parts = split(text[...], at: UInt8(ascii: ";")) else { throw .badMediaType(text) }
        return parts
    }

    /// Nil if a quote does not close.
    static func split(_ text: Substring, at separator: UInt8) -> [Substring]? {
        var parts: [Substring] = []
        var start = text.startIndex
        var isQuoted = false
        var isEscaped = false
        for index in text.utf8.indices {
            let byte = text.utf8[index]
            if isEscaped {
                isEscaped = false
            } else if isQuoted, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if byte == separator, !isQuoted {
                parts.append(text[start..<index])
                start = text.utf8.index(after: index)
            }
        }
        guard !isQuoted else { return nil }
        parts.append(text[start...])
        return parts
    }

    /// `name=value`, the value without its quotes; nil if it is not of that form.
    static func nameAndValue(_ parameter: Substring) -> (name: Substring, value: String)? {
        guard let equals = parameter.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let name = parameter[..<equals].trimmed
        let value = parameter[parameter.utf8.index(after: equals)...].trimmed
        guard !name.isEmpty, name.utf8.allSatisfy(\.isTokenCharacter), !value.isEmpty else { return nil }
        if value.utf8.first == UInt8(ascii: "\"") {
            guard value.utf8.count >= 2, value.utf8.last == UInt8(ascii: "\"") else { return nil }
            return (name, unescaped(value.dropFirst().dropLast()))
        }
        return value.utf8.allSatisfy(\.isTokenCharacter) ? (name, String(value)) : nil
    }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted.unicodeScalars.append("\\") }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }

    private static func unescaped(_ text: Substring) -> String {
        var plain = ""
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if scalar == "\\", !isEscaped {
                isEscaped = true
            } else {
                plain.unicodeScalars.append(scalar)
                isEscaped = false
            }
        }
        return plain
    }
}

extension Substring {
    /// Without spaces and tabs around it.
    var trimmed: Substring {
        var start = utf8.startIndex
        var end = utf8.endIndex
        while start < end, utf8[start] == 0x20 || utf8[start] == 0x09 { start = utf8.index(after: start) }
        while start < end {
            let last = utf8.index(before: end)
            guard utf8[last] == 0x20 || utf8[last] == 0x09 else { break }
            end = last
        }
        return self[start..<end]
    }
}
