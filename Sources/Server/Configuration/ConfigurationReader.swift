import Placement

/// Reads values out of the layers, and collects what is wrong with them instead of stopping at the first.
struct ConfigurationReader {
    private var layers: ConfigurationLayers
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var warnings: [String] = []

    init(layers: ConfigurationLayers) {
        self.layers = layers
    }

    /// The variables of the environment that mean something, as far as all has been read.
    var variables: Set<String> { layers.variables }

    mutating func refuse(_ place: String, _ path: [String], _ message: String) {
        problems.append(ConfigurationProblem(place: place, entry: path.joined(separator: "."), message: message))
    }

    mutating func warn(_ message: String) {
        warnings.append(message)
    }

    /// The text at `path` as it was written, nil where no layer has one.
    mutating func text(_ path: [String]) -> ConfigurationLayers.Value? {
        do {
            return try layers.value(at: path)
        } catch {
            refuse("configuration", path, "\(error)")
            return nil
        }
    }

    /// What `parse` makes of the text at `path`; `fallback` where there is none, or, after a problem, a bad one.
    mutating func value<Parsed>(
        _ path: [String], default fallback: Parsed, allowed: String, parse: (String) -> Parsed?
    ) -> Parsed {
        guard let found = text(path) else { return fallback }
        guard let parsed = parse(found.text) else {
            refuse(found.place.description, path, "`\(found.text)` is not allowed; allowed: \(allowed)")
            return fallback
        }
        return parsed
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(_ path: [String], default fallback: Choice) -> Choice
    where Choice.RawValue == String {
        let allowed = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        return value(path, default: fallback, allowed: allowed) { Choice(rawValue: $0) }
    }

    mutating func integer(_ path: [String], default fallback: Int, in range: ClosedRange<Int>) -> Int {
        let allowed = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return value(path, default: fallback, allowed: allowed) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    mutating func flag(_ path: [String], default fallback: Bool) -> Bool {
        value(path, default: fallback, allowed: "true, false") { Bool($0) }
    }

    mutating func name(_ path: [String], default fallback: String) -> String {
        value(path, default: fallback, allowed: ConfigurationRules.nameAllowed) {
            ConfigurationRules.isName($0) ? $0 : nil
        }
    }

    mutating func zone(_ path: [String], default fallback: String) -> String {
        value(path, default: fallback, allowed: ConfigurationRules.zoneAllowed) {
            ConfigurationRules.isZone($0) ? $0 : nil
        }
    }

    mutating func weight(_ path: [String], default fallback: Double) -> Double {
        value(path, default: fallback, allowed: ConfigurationRules.weightAllowed, parse: ConfigurationRules.weight)
    }

    mutating func address(_ path: [String], default fallback: NetworkAddress) -> NetworkAddress {
        value(path, default: fallback, allowed: ConfigurationRules.listenerAllowed) { NetworkAddress($0) }
    }
}

/// What values may be, and how messages say it.
enum ConfigurationRules {
    static let nameAllowed = "1 to 64 letters, digits, `.`, `_` or `-`"
    static let zoneAllowed = "1 to 64 characters without control characters"
    static let weightAllowed = {
        let (least, most) = (Member.allowedWeights.lowerBound, Member.allowedWeights.upperBound)
        return "a number from \(least) to \(most)"
    }()
    static let listenerAllowed = "HOST:PORT, e.g. 127.0.0.1:8098 or [::1]:8098; port 0 takes any free one"
    static let peerAllowed = "HOST:PORT with a port from 1 to 65535"

    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    static func isZone(_ text: String) -> Bool {
        (1...64).contains(text.count) && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }
    }

    static func weight(_ text: String) -> Double? {
        Double(text).flatMap { Member.allowedWeights.contains($0) ? $0 : nil }
    }

    static func peer(_ text: String) -> NetworkAddress? {
        NetworkAddress(text).flatMap { $0.port > 0 ? $0 : nil }
    }
}
