import NIOCore

/// Figures of one name: what `# HELP` and `# TYPE` say of them.
struct MetricFamily: Sendable {
    enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    let name: String
    let kind: Kind
    let help: String

    init(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }
}

/// What tells the series of a family apart, in the order of its names: whoever gives the same labels in another order
/// means the same series.
struct MetricLabels: Sendable, Hashable {
    /// `kind="get",outcome="found"`, escaped.
    let text: String

    init(_ pairs: [(String, String)]) {
        text = pairs.sorted { $0.0 < $1.0 }
            .map { "\(MetricName.label($0.0))=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

/// Names as the format allows them.
enum MetricName {
    static func family(_ text: String) -> String { allowed(text, colons: true) }
    static func label(_ text: String) -> String { allowed(text, colons: false) }

    private static func allowed(_ text: String, colons: Bool) -> String {
        var name = ""
        for scalar in text.unicodeScalars {
            let isDigit = ("0"..."9").contains(scalar)
            let isAllowed =
                ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
                || isDigit || (colons && scalar == ":")
            if isDigit, name.isEmpty { name += "_" }
            name.unicodeScalars.append(isAllowed ? scalar : "_")
        }
        return name.isEmpty ? "_" : name
    }
}

/// Figures in Prometheus' text format, version 0.0.4: each family once, in the order of their names, and its series in
/// the order of their labels.
struct Exposition {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private struct Entry {
        let family: MetricFamily
        /// By their labels, so that no series is told twice.
        var series: [MetricLabels: [String]] = [:]
    }

    private var entries: [String: Entry] = [:]

    mutating func add(_ family: MetricFamily, _ value: Int, _ labels: KeyValuePairs<String, String> = [:]) {
        put("\(value)", family, MetricLabels(labels.map { ($0.key, $0.value) }))
    }

    mutating func add(_ family: MetricFamily, _ value: Double, _ labels: KeyValuePairs<String, String> = [:]) {
        put(Self.number(value), family, MetricLabels(labels.map { ($0.key, $0.value) }))
    }

    /// 1 or 0.
    mutating func add(_ family: MetricFamily, _ value: Bool, _ labels: KeyValuePairs<String, String> = [:]) {
        add(family, value ? 1 : 0, labels)
    }

    mutating func add(_ family: MetricFamily, _ value: Int, of labels: MetricLabels) {
        put("\(value)", family, labels)
    }

    mutating func add(_ family: MetricFamily, _ value: Double, of labels: MetricLabels) {
        put(Self.number(value), family, labels)
    }

    private mutating func put(_ value: String, _ family: MetricFamily, _ labels: MetricLabels) {
        put(family, labels, [line(family.name, labels.text, value)])
    }

    mutating func add(_ family: MetricFamily, _ histogram: HistogramSeries.Reading, of labels: MetricLabels) {
        var lines: [String] = []
        let before = labels.text.isEmpty ? "" : labels.text + ","
        var total = 0
        for (bound, count) in zip(histogram.bounds + [.infinity], histogram.counts) {
            total += count
            lines.append(line(family.name + "_bucket", before + "le=\"\(Self.number(bound))\"", "\(total)"))
        }
        lines.append(line(family.name + "_sum", labels.text, Self.number(histogram.sum)))
        lines.append(line(family.name + "_count", labels.text, "\(total)"))
        put(family, labels, lines)
    }

    private mutating func put(_ family: MetricFamily, _ labels: MetricLabels, _ lines: [String]) {
        entries[family.name, default: Entry(family: family)].series[labels] = lines
    }

    private func line(_ name: String, _ labels: String, _ value: String) -> String {
        labels.isEmpty ? "\(name) \(value)" : "\(name){\(labels)} \(value)"
    }

    func text() -> ByteBuffer {
        var buffer = ByteBuffer()
        for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
            if !entry.family.help.isEmpty { buffer.writeString("# HELP \(name) \(Self.escaped(entry.family.help))\n") }
            buffer.writeString("# TYPE \(name) \(entry.family.kind.rawValue)\n")
            for (_, lines) in entry.series.sorted(by: { $0.key.text < $1.key.text }) {
                for line in lines { buffer.writeString(line + "\n") }
            }
        }
        return buffer
    }

    private static func escaped(_ help: String) -> String {
        help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }

    /// `0.005`, `10`, `+Inf`.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
