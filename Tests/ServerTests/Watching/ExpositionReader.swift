/// Reads Prometheus' text format 0.0.4 as strictly as it is written, for tests.
struct ExpositionReader {
    struct Sample: Equatable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    struct Family: Equatable {
        var type: String
        var help: String
        var samples: [Sample] = []

        /// Names of the labels, but for that of buckets.
        var labelNames: Set<String> { Set(samples.flatMap(\.labels.keys)).subtracting(["le"]) }
    }

    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var families: [String: Family] = [:]
    /// In the order of the text.
    private(set) var names: [String] = []

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Malformed(description: "the last line has no end") }
        var help: (name: String, text: String)?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
            if line.hasPrefix("# HELP "), words.count == 4 {
                help = (words[2], words[3])
            } else if line.hasPrefix("# TYPE "), words.count == 4 {
                guard help?.name == words[2] else { throw Malformed(description: "no help before \(line)") }
                guard families[words[2]] == nil else { throw Malformed(description: "told twice: \(line)") }
                families[words[2]] = Family(type: words[3], help: help?.text ?? "")
                names.append(words[2])
            } else {
                try take(Self.sample(String(line)))
            }
        }
        for (name, family) in families where family.type == "histogram" { try Self.check(family, name) }
    }

    /// The one sample of `name` that has all of `labels`.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        let found = families.values.flatMap(\.samples).filter { sample in
            sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
        }
        return found.count == 1 ? found[0].value : nil
    }

    private mutating func take(_ sample: Sample) throws {
        guard let name = names.last, var family = families[name] else {
            throw Malformed(description: "a sample before any type: \(sample)")
        }
        let suffixes = family.type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        guard suffixes.contains(where: { sample.name == name + $0 }) else {
            throw Malformed(description: "\(sample.name) among those of \(name)")
        }
        guard !family.samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) else {
            throw Malformed(description: "told twice: \(sample)")
        }
        family.samples.append(sample)
        families[name] = family
    }

    /// `name{label="value",…} 1.5`.
    private static func sample(_ line: String) throws -> Sample {
        var rest = line[...]
        let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            repeat {
                rest = rest.dropFirst()
                let label = rest.prefix { $0 != "=" }
                rest = rest.dropFirst(label.count + 1)
                guard rest.first == "\"" else { throw Malformed(description: line) }
                labels[String(label)] = try quoted(&rest, line)
            } while rest.first == ","
            guard rest.first == "}" else { throw Malformed(description: line) }
            rest = rest.dropFirst()
        }
        guard !name.isEmpty, rest.first == " ", let value = number(String(rest.dropFirst())) else {
            throw Malformed(description: line)
        }
        return Sample(name: String(name), labels: labels, value: value)
    }

    private static func quoted(_ rest: inout Substring, _ line: String) throws -> String {
        var text = ""
        rest = rest.dropFirst()
        while let next = rest.popFirst(), next != "\"" {
            guard next == "\\" else {
                text.append(next)
                continue
            }
            switch rest.popFirst() {
            case "\\": text += "\\"
            case "\"": text += "\""
            case "n": text += "\n"
            default: throw Malformed(description: line)
            }
        }
        return text
    }

    private static func number(_ text: String) -> Double? {
        text == "+Inf" ? .infinity : text == "-Inf" ? -.infinity : Double(text)
    }

    /// Buckets rise to the count.
    private static func check(_ family: Family, _ name: String) throws {
        var last: [[String: String]: (bound: Double, count: Double)] = [:]
        for sample in family.samples {
            var labels = sample.labels
            let bound = labels.removeValue(forKey: "le")
            if sample.name == name + "_bucket" {
                let before = last[labels] ?? (-.infinity, 0)
                guard let bound = bound.flatMap(number), bound > before.bound, sample.value >= before.count else {
                    throw Malformed(description: "\(sample) behind \(before)")
                }
                last[labels] = (bound, sample.value)
            } else if sample.name == name + "_count" {
                guard let end = last[labels], end.bound == .infinity, end.count == sample.value else {
                    throw Malformed(description: "\(sample) is not the last bucket's")
                }
            }
        }
    }
}
