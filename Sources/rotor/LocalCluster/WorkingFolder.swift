import Foundation

/// The folder of a cluster on this machine: a temporary one that goes again, or one that the user keeps.
struct WorkingFolder {
    let path: String
    let isTemporary: Bool

    /// - Parameter kept: A folder that is empty or not there yet; nil for a temporary one.
    init(kept: String?, name: String) throws(CommandFailure) {
        let files = FileManager.default
        if let kept {
            if let names = try? files.contentsOfDirectory(atPath: kept), !names.isEmpty {
                throw CommandFailure(.refused, "'\(kept)' is not empty; name a new folder")
            }
            path = kept.hasPrefix("/") ? kept : "\(files.currentDirectoryPath)/\(kept)"
            isTemporary = false
        } else {
            let number = String(UInt32.random(in: 0...UInt32.max), radix: 36)
            path = files.temporaryDirectory.appendingPathComponent("\(name)-\(number)").path
            isTemporary = true
        }
        do {
            try files.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw CommandFailure(.inputOutput, "cannot make the folder '\(path)': \(error)")
        }
    }

    func removeIfTemporary() {
        guard isTemporary else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            StandardStreams.complain("cannot remove '\(path)': \(error)")
        }
    }
}
