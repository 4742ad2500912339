import Foundation
import Server

/// A configuration file in a folder of its own, which goes when the fixture goes.
final class ConfigurationFixture {
    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/rotor-configuration-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder + "/etc", withIntermediateDirectories: true)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: folder)
        } catch {
            print("could not remove \(folder): \(error)")
        }
    }

    /// Reads `yaml` as `etc/shop.yaml` below the working folder; nil for no file.
    func read(
        _ yaml: String?, flags: [String] = [], environment: [String: String] = [:]
    ) throws -> RotorConfiguration {
        if let yaml { try Data(yaml.utf8).write(to: URL(fileURLWithPath: folder + "/etc/shop.yaml")) }
        return try RotorConfiguration.read(
            file: yaml == nil ? nil : "etc/shop.yaml", flags: flags, environment: environment, workingFolder: folder)
    }

    /// The lines of the refusal; empty where it was accepted.
    func problems(
        _ yaml: String?, flags: [String] = [], environment: [String: String] = [:]
    ) throws -> [String] {
        do {
            _ = try read(yaml, flags: flags, environment: environment)
            return []
        } catch let error as ConfigurationError {
            return error.problems.map(\.description)
        }
    }
}
