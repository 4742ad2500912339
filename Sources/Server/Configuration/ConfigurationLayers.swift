import Configuration

/// The settings as they lie on each other: a flag wins over the environment, that over the file.
///
/// swift-configuration does the layering and the spelling of the environment's names. It does not tell which layer a
/// value came from, so where each was written is kept beside it.
struct ConfigurationLayers {
    struct Value {
        var text: String
        var place: ConfigurationPlace
    }

    /// Names are looked up below this one, so that each variable of the environment begins with `ROTOR_`.
    private static let prefix = "rotor"

    private let flags: [[String]: Value]
    private let file: [[String]: Value]
    private let environment: EnvironmentVariablesProvider
    private let workingFolder: String
    private let reader: ConfigReader
    /// The variables of the environment that were looked for so far.
    private(set) var variables: Set<String> = []

    /// - Parameters:
    ///   - flags: By path.
    ///   - file: Scalars by path.
    init(flags: [[String]: Value], environment: [String: String], workingFolder: String, file: [[String]: Value]) {
        self.flags = flags
        self.file = file
        self.environment = EnvironmentVariablesProvider(environmentVariables: environment)
        self.workingFolder = workingFolder
        reader = ConfigReader(providers: [Self.provider(flags), self.environment, Self.provider(file)])
    }

    private static func provider(_ values: [[String]: Value]) -> InMemoryProvider {
        let pairs = values.map { path, value in
            (AbsoluteConfigKey([prefix] + path), ConfigValue(.string(value.text), isSecret: false))
        }
        return InMemoryProvider(values: Dictionary(uniqueKeysWithValues: pairs))
    }

    /// The value of the uppermost layer that has one, as it was written.
    mutating func value(at path: [String]) throws -> Value? {
        let key = ConfigKey([Self.prefix] + path)
        let variable = try environment.value(forKey: AbsoluteConfigKey(key), type: .string)
        variables.insert(variable.encodedKey)
        guard let text = reader.string(forKey: key) else { return nil }
        let inEnvironment = ConfigurationPlace(description: variable.encodedKey, folder: workingFolder)
        let lower = variable.value == nil ? file[path]?.place : inEnvironment
        guard let place = flags[path]?.place ?? lower else { return nil }
        return Value(text: text, place: place)
    }
}
