import Foundation

/// What the library `disk-journal` wrote down of a process: see `disk_journal.h`.
struct DiskJournal {
    /// A descriptor is the process's; a path is below the folder, without a slash at its beginning.
    enum Event {
        case opened(Int32, path: String, flags: Int32)
        case written(Int32, at: Int, bytes: ArraySlice<UInt8>)
        case length(Int32, Int)
        case lengthOfPath(String, Int)
        case allocated(Int32, at: Int, Int)
        case renamed(String, to: String)
        case removed(String)
        case folderMade(String)
        case syncBegun(Int32, number: Int)
        case syncEnded(number: Int)
        case durable(Int32, at: Int, Int)
        case mapped(Int32)
        case said(String)
    }

    struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var events: [Event] = []

    /// A process that was killed may leave half an entry at the end.
    init(contentsOf file: String, folder: String) throws {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw Unreadable(description: "no journal at \(file)")
        }
        let bytes = [UInt8](data)
        var place = 0
        while let entry = try Self.entry(in: bytes, at: place, folder: folder) {
            events.append(entry.event)
            place = entry.end
        }
    }

    /// Where syncs begin, by the file or folder; sorted by its path.
    var syncs: [(path: String, places: [Int])] {
        var open: [Int32: String] = [:]
        var found: [String: [Int]] = [:]
        for (place, event) in events.enumerated() {
            if case .opened(let descriptor, let path, _) = event { open[descriptor] = path }
            if case .syncBegun(let descriptor, _) = event { found[open[descriptor] ?? "", default: []].append(place) }
        }
        return found.sorted { $0.key < $1.key }.map { (path: $0.key, places: $0.value) }
    }

    private static let headBytes = 32

    private static func entry(
        in bytes: [UInt8], at place: Int, folder: String
    ) throws -> (event: Event, end: Int)? {
        guard place + headBytes <= bytes.count else { return nil }
        func number<Number: FixedWidthInteger>(at offset: Int, as: Number.Type) -> Number {
            bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: place + offset, as: Number.self) }
        }
        let descriptor = number(at: 4, as: Int32.self)
        let offset = Int(number(at: 8, as: Int64.self))
        let length = Int(number(at: 16, as: Int64.self))
        let pathEnd = place + headBytes + Int(number(at: 24, as: UInt32.self))
        let end = pathEnd + Int(number(at: 28, as: UInt32.self))
        guard end <= bytes.count else { return nil }
        let path = String(decoding: bytes[place + headBytes..<pathEnd], as: UTF8.self)
        let data = bytes[pathEnd..<end]
        let kind = number(at: 0, as: UInt32.self)
        let event: Event
        switch kind {
        case 1: event = .opened(descriptor, path: try below(folder, path), flags: Int32(offset))
        case 2: event = .written(descriptor, at: offset, bytes: data)
        case 3 where path.isEmpty: event = .length(descriptor, length)
        case 3: event = .lengthOfPath(try below(folder, path), length)
        case 4: event = .allocated(descriptor, at: offset, length)
        case 5:
            event = .renamed(try below(folder, path), to: try below(folder, String(decoding: data, as: UTF8.self)))
        case 6: event = .removed(try below(folder, path))
        case 7: event = .folderMade(try below(folder, path))
        case 8: event = .syncBegun(descriptor, number: offset)
        case 9: event = .syncEnded(number: offset)
        case 10: event = .durable(descriptor, at: offset, length)
        case 11: event = .mapped(descriptor)
        case 12: event = .said(String(decoding: data, as: UTF8.self))
        default: throw Unreadable(description: "entry \(kind) at byte \(place): \(path)")
        }
        return (event, end)
    }

    private static func below(_ folder: String, _ path: String) throws -> String {
        guard path.hasPrefix(folder) else { throw Unreadable(description: "\(path) is not below \(folder)") }
        return path.dropFirst(folder.count).split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}
