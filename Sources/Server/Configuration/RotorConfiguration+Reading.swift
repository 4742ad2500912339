extension RotorConfiguration {
    /// Reads and checks all there is, and puts the layers on each other: a flag wins over the environment, that over
    /// the file, that over the default.
    ///
    /// - Parameters:
    ///   - file: Path of a YAML file, relative to `workingFolder`; nil for none. Relative paths in it count from its
    ///     folder, those of flags and the environment from `workingFolder`.
    ///   - flags: `--node-name b`, `--node-name=b`: as they were typed. See ``ConfigurationSetting/all``.
    ///   - environment: The whole environment. Names that do not begin with `ROTOR_` are not looked at.
    ///   - workingFolder: An absolute path.
    /// - Throws: Everything that is wrong, at once.
    public static func read(
        file: String?, flags: [String], environment: [String: String], workingFolder: String
    ) throws(ConfigurationError) -> RotorConfiguration {
        var problems: [ConfigurationProblem] = []
        let path = file.map { FolderPath.resolved($0, in: workingFolder) }
        var tree = ConfigurationTree.empty
        if let file, let path { tree = try ConfigurationTree.read(file: path, named: file) }
        let contents = ConfigurationFile(
            tree, file: file ?? "", folder: path.map(FolderPath.parent) ?? workingFolder)
        problems += contents.problems
        let given = ConfigurationFlags(flags, workingFolder: workingFolder)
        problems += given.problems

        let layers = ConfigurationLayers(
            flags: given.values, environment: environment, workingFolder: workingFolder, file: contents.scalars)
        var sections = ConfigurationSections(layers: layers, file: contents, flags: given, workingFolder: workingFolder)
        var configuration = sections.read()
        configuration.warnings += sections.unknownVariables(in: environment)
        problems += sections.reader.problems
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return configuration
    }
}

/// The flags of a command line, by the path of the entry that each means.
struct ConfigurationFlags {
    private(set) var values: [[String]: ConfigurationLayers.Value] = [:]
    private(set) var problems: [ConfigurationProblem] = []

    init(_ arguments: [String], workingFolder: String) {
        var index = 0
        while index < arguments.count {
            let argument = arguments[index]
            index += 1
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let flag = String(parts[0])
            guard flag.hasPrefix("--"), let path = ConfigurationSetting.path(ofFlag: flag) else {
                let allowed = ConfigurationSetting.all.map(\.flag).joined(separator: ", ")
                refuse(flag, "there is no such flag; allowed: \(allowed)")
                while index < arguments.count, !arguments[index].hasPrefix("--") { index += 1 }
                continue
            }
            var text = parts.count > 1 ? String(parts[1]) : nil
            if text == nil, index < arguments.count, !arguments[index].hasPrefix("--") {
                text = arguments[index]
                index += 1
            }
            // `--insecure` alone says what it means.
            if text == nil, path == ["insecure"] { text = "true" }
            guard let text else {
                refuse(flag, "a value is missing after it")
                continue
            }
            let place = ConfigurationPlace(description: flag, folder: workingFolder)
            if values.updateValue(.init(text: text, place: place), forKey: path) != nil {
                refuse(flag, "it is given twice; keep one")
            }
        }
    }

    private mutating func refuse(_ flag: String, _ message: String) {
        problems.append(ConfigurationProblem(place: flag, entry: "", message: message))
    }
}

/// Absolute paths without `.` and `..`.
enum FolderPath {
    static func resolved(_ path: String, in folder: String) -> String {
        var parts: [Substring] = []
        for part in (path.hasPrefix("/") ? path : folder + "/" + path).split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    static func parent(of path: String) -> String {
        "/" + path.split(separator: "/").dropLast().joined(separator: "/")
    }
}
