/// Which media types a client takes (RFC 9110 §12.5.1).
public struct AcceptHeader: Sendable {
    private struct Range: Sendable {
        var type: Substring
        var subtype: Substring
        /// In thousandths.
        var quality: Int

        /// How exactly it names the type: 3 by name, 2 by its first half, 1 by `*/*`; 0 if it does not.
        func exactness(for type: Substring, _ subtype: Substring) -> Int {
            if self.type == "*" { return 1 }
            guard self.type.lowercased() == type.lowercased() else { return 0 }
            if self.subtype == "*" { return 2 }
            return self.subtype.lowercased() == subtype.lowercased() ? 3 : 0
        }
    }

    private let ranges: [Range]

    /// No header, and one that cannot be understood, accept everything.
    public init(_ text: String?) {
        guard let text, text != "*/*" else {
            ranges = []
            return
        }
        ranges = (ParameterList.split(text[...], at: UInt8(ascii: ",")) ?? []).compactMap { element in
            let parts = ParameterList.split(element, at: UInt8(ascii: ";")) ?? []
            let names = (parts.first?.trimmed ?? "").split(separator: "/", omittingEmptySubsequences: false)
            guard names.count == 2 else { return nil }
            let quality = parts.dropFirst().lazy.compactMap { ParameterList.nameAndValue($0.trimmed) }
                .first { $0.name.isHeader("q") }.map { Self.thousandths($0.value) }
            return Range(type: names[0], subtype: names[1], quality: quality ?? 1000)
        }
    }

    /// How much the client wants a media type, in thousandths; 0 if it does not take it.
    public func quality(of mediaType: String) -> Int {
        guard !ranges.isEmpty else { return 1000 }
        let essence = mediaType.prefix { $0 != ";" && $0 != " " }
        let names = essence.split(separator: "/", omittingEmptySubsequences: false)
        guard names.count == 2 else { return ranges.first { $0.type == "*" }?.quality ?? 0 }
        var best = (exactness: 0, quality: 0)
        for range in ranges {
            let exactness = range.exactness(for: names[0], names[1])
            if exactness > best.exactness { best = (exactness, range.quality) }
        }
        return best.quality
    }

    /// `0`, `1` or `0.xyz`; anything else counts as 1.
    private static func thousandths(_ text: String) -> Int {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = parts.first, whole == "0" || whole == "1" else { return 1000 }
        guard whole == "0", parts.count == 2 else { return whole == "0" ? 0 : 1000 }
        let digits = parts[1].prefix(3)
        guard let fraction = UInt(digits) else { return digits.isEmpty ? 0 : 1000 }
        return [0: 0, 1: 100, 2: 10, 3: 1][digits.count, default: 1] * Int(fraction)
    }
}
