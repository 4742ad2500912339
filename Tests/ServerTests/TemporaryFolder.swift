import Foundation

/// A folder that is removed with its object.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "rotor-server-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func copy(_ from: String, to: String) throws {
        try? FileManager.default.removeItem(atPath: "\(path)/\(to)")
        try FileManager.default.copyItem(atPath: "\(path)/\(from)", toPath: "\(path)/\(to)")
    }

    func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }

    /// At once, also while a node writes in it.
    func move(_ from: String, to: String) throws {
        try FileManager.default.moveItem(atPath: "\(path)/\(from)", toPath: "\(path)/\(to)")
    }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    /// Flips the last byte of a file.
    func damage(_ name: String) throws {
        let url = URL(fileURLWithPath: "\(path)/\(name)")
        var bytes = try Data(contentsOf: url)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: url)
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

    func names(in name: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(name)").sorted()
    }

    func text(of name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
}
