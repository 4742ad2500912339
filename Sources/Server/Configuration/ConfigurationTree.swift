import Foundation
import Yams

/// A configuration file as it was written: every value with its line.
///
/// swift-configuration's own YAML provider refuses lists of maps (`cluster.members`) and forgets lines and the names of
/// unknown entries, so the file is read with the parser underneath it.
indirect enum ConfigurationTree: Sendable {
    struct Entry: Sendable {
        var name: String
        var line: Int
        var value: ConfigurationTree
    }

    /// `isNull`: nothing was written, or `~`, or `null`.
    case scalar(String, isNull: Bool, line: Int)
    case list([ConfigurationTree], line: Int)
    case map([Entry], line: Int)

    var line: Int {
        switch self {
        case .scalar(_, _, let line), .list(_, let line), .map(_, let line): line
        }
    }

    var isNull: Bool {
        if case .scalar(_, let isNull, _) = self { return isNull }
        return false
    }

    static let empty = ConfigurationTree.map([], line: 1)

    /// Reads the file at `path`, which messages call `file`.
    static func read(file path: String, named file: String) throws(ConfigurationError) -> ConfigurationTree {
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            guard let text = String(data: data, encoding: .utf8) else {
                throw problem(file, line: nil, "it is not UTF-8 text; a configuration is a YAML file")
            }
            return try parse(text, file: file)
        } catch let error as ConfigurationError {
            throw error
        } catch CocoaError.fileReadNoSuchFile {
            throw problem(file, line: nil, "there is no such file")
        } catch CocoaError.fileReadNoPermission {
            throw problem(file, line: nil, "this user may not read it")
        } catch {
            throw problem(file, line: nil, "it cannot be read: \(error.localizedDescription)")
        }
    }

    static func parse(_ text: String, file: String) throws(ConfigurationError) -> ConfigurationTree {
        do {
            // The encoding is stated, so that a variable of the environment (YAMS_DEFAULT_ENCODING) can't change it.
            guard let root = try Parser(yaml: text, encoding: .utf8).singleRoot() else { return .empty }
            let tree = try convert(root, file: file)
            return tree.isNull ? .empty : tree
        } catch let error as ConfigurationError {
            throw error
        } catch let error as YamlError {
            throw problem(of: error, text: text, file: file)
        } catch {
            throw problem(file, line: nil, "it is not YAML: \(error)")
        }
    }

    private static func convert(_ node: Node, file: String) throws(ConfigurationError) -> ConfigurationTree {
        let line = node.mark?.line ?? 1
        switch node {
        case .scalar(let scalar):
            let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            return .scalar(scalar.string, isNull: isNull, line: line)
        case .sequence(let sequence):
            var items: [ConfigurationTree] = []
            for item in sequence { items.append(try convert(item, file: file)) }
            return .list(items, line: line)
        case .mapping(let mapping):
            var entries: [Entry] = []
            for (key, value) in mapping {
                guard case .scalar(let name) = key else {
                    throw problem(file, line: key.mark?.line, "an entry's name is a text, not a list or a map")
                }
                entries.append(
                    Entry(name: name.string, line: key.mark?.line ?? line, value: try convert(value, file: file)))
            }
            return .map(entries, line: line)
        case .alias:
            throw problem(file, line: line, "aliases (*name) are not known here; write the value out")
        }
    }

    private static func problem(of error: YamlError, text: String, file: String) -> ConfigurationError {
        switch error {
        case .scanner(let context, let what, let mark, _), .parser(let context, let what, let mark, _),
            .composer(let context, let what, let mark, _):
            let context = context.map { " (\($0.text), line \($0.mark.line))" } ?? ""
            return problem(file, line: mark.line, "it is not YAML: \(what)\(context)")
        case .reader(let what, let offset, _, _):
            let line = offset.map { text.utf8.prefix($0).count { $0 == UInt8(ascii: "\n") } + 1 }
            return problem(file, line: line, "it is not YAML: \(what)")
        case .duplicatedKeysInMapping(let names, let context):
            return problem(
                file, line: context.mark.line, "written twice in one map: \(names.joined(separator: ", ")); keep one")
        default:
            return problem(file, line: nil, "it is not YAML: \(error)")
        }
    }

    private static func problem(_ file: String, line: Int?, _ message: String) -> ConfigurationError {
        let place = line.map { "\(file):\($0)" } ?? file
        return ConfigurationError(problems: [ConfigurationProblem(place: place, entry: "", message: message)])
    }
}
