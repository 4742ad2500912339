/// The configuration file, checked against the schema and taken apart: scalars by path, and what is no scalar.
struct ConfigurationFile {
    private(set) var scalars: [[String]: ConfigurationLayers.Value] = [:]
    /// Names that the file gives to stores and bucket types, in its order, each with its place.
    private(set) var names: [String: [(name: String, place: String)]] = [:]
    private(set) var members: [ConfigurationTree] = []
    private(set) var problems: [ConfigurationProblem] = []

    private let file: String
    private let folder: String

    /// - Parameters:
    ///   - file: What messages call the file.
    ///   - folder: Where its relative paths count from.
    init(_ tree: ConfigurationTree, file: String, folder: String) {
        self.file = file
        self.folder = folder
        take(tree, as: .root, at: [])
    }

    func place(_ line: Int) -> String { "\(file):\(line)" }

    private mutating func refuse(_ line: Int, _ path: [String], _ message: String) {
        problems.append(
            ConfigurationProblem(place: place(line), entry: path.joined(separator: "."), message: message))
    }

    private mutating func set(_ text: String, at path: [String], line: Int) {
        scalars[path] = .init(text: text, place: ConfigurationPlace(description: place(line), folder: folder))
    }

    private mutating func take(_ tree: ConfigurationTree, as schema: ConfigurationSchema, at path: [String]) {
        switch (schema, tree) {
        case (.scalar, .scalar(_, true, let line)):
            refuse(line, path, "it has no value; give it one or leave the entry out")
        case (.scalar, .scalar(let text, false, let line)):
            set(text, at: path, line: line)
        case (.map, _) where tree.isNull, (.named, _) where tree.isNull, (.list, _) where tree.isNull,
            (.listOfMaps, _) where tree.isNull:
            // `stores:` with nothing below it is as if it were not there.
            break
        case (.list, .scalar(let text, _, let line)):
            set(text, at: path, line: line)
        case (.list, .list(let items, let line)):
            take(items: items, at: path, line: line)
        case (.map(let fields), .map(let entries, _)):
            for entry in entries {
                guard let field = fields.first(where: { $0.name == entry.name }) else {
                    let allowed = fields.map(\.name).joined(separator: ", ")
                    refuse(entry.line, path + [entry.name], "there is no such entry; allowed: \(allowed)")
                    continue
                }
                take(entry.value, as: field.schema, at: path + [entry.name])
            }
        case (.named(let inner), .map(let entries, _)):
            for entry in entries {
                names[path[0], default: []].append((entry.name, place(entry.line)))
                take(entry.value, as: inner, at: path + [entry.name])
            }
        case (.listOfMaps, .list(let items, _)):
            members = items
        default:
            refuse(tree.line, path, "\(schema.shape) belongs here")
        }
    }

    private mutating func take(items: [ConfigurationTree], at path: [String], line: Int) {
        var texts: [String] = []
        for item in items {
            guard case .scalar(let text, false, _) = item else {
                refuse(item.line, path, "each item is a text")
                continue
            }
            texts.append(text)
        }
        set(texts.joined(separator: ","), at: path, line: line)
    }
}
