import Glibc
import NIOCore

extension EngineConformance {
    static let folderChecks: [ConformanceCheck] = [
        ConformanceCheck("a folder in use is locked, also for this process, and says who has it", needsFiles: true) {
            fixture in
            try fixture.withEngine { engine in
                try engine.put([1], for: [1])
                let error = try expectError([.locked], "a second open") { _ = try fixture.open(fixture.storePath) }
                try expect(error.detail.contains("\(getpid())"), "the error does not name this process: \(error)")
                try engine.put([2], for: [2], .synced)
                try engine.expectEqual([[1]: [1], [2]: [2]], "after a second open was refused")
            }
            try fixture.withEngine { try $0.expectEqual([[1]: [1], [2]: [2]], "opened again") }
        },
        ConformanceCheck("a folder that cannot be made or written is unwritable", needsFiles: true) { fixture in
            let file = fixture.folder + "/file"
            try FileCalls.write("no folder\n", to: file, operation: "prepare")
            for path in [file, file + "/store", "/proc/rotor-store"] {
                let error = try expectError([.unwritable], "open \(path)") { _ = try fixture.open(path) }
                try expect(error.description.contains(path), "the error does not name the path \(path): \(error)")
            }
            let names = try FileCalls.names(in: fixture.folder, operation: "check")
            try expect(names == ["file"], "failed opens left \(names)")
        },
        ConformanceCheck("a folder that is not a store's, or another engine's, or newer, is foreign", needsFiles: true)
        {
            fixture in
            let strange = fixture.folder + "/strange"
            try FileCalls.makeDirectories(strange, operation: "prepare")
            try FileCalls.write("letters\n", to: strange + "/letters.txt", operation: "prepare")
            try expectError([.foreign], "a folder with other files") { _ = try fixture.open(strange) }
            let names = try FileCalls.names(in: strange, operation: "check")
            try expect(names == ["letters.txt"], "a refused folder now holds \(names)")

            try fixture.withEngine { try $0.put([1], for: [1]) }
            let engineFile = fixture.storePath + "/ENGINE"
            let text = try FileCalls.read(engineFile, limit: 256, operation: "check") ?? []
            for content in ["rotor-engine 1\nabacus\n", "rotor-engine 2\nlmdb\n", "rotor-engine 1", "", "x y\nz\n"] {
                try FileCalls.write(content, to: engineFile, operation: "prepare")
                let error = try expectError([.foreign], "ENGINE of \(Bytes(content.utf8))") {
                    _ = try fixture.open(fixture.storePath)
                }
                let names = content.contains("abacus") ? ["abacus", fixture.kind.rawValue] : []
                try expect(names.allSatisfy(error.detail.contains), "the error does not name both engines: \(error)")
            }
            try FileCalls.write(String(decoding: text, as: UTF8.self), to: engineFile, operation: "prepare")
            try fixture.withEngine { try $0.expectEqual([[1]: [1]], "after the refusals") }
        },
        ConformanceCheck("a creation that a crash cut short is begun again", needsFiles: true) { fixture in
            try fixture.withEngine { try $0.put([1], for: [1]) }
            let store = fixture.storePath
            // As it is before the last step of creation, with files that are not whole.
            try FileCalls.rename(store + "/ENGINE", to: store + "/ENGINE.new", operation: "prepare")
            for name in try FileCalls.names(in: store + "/data", operation: "prepare") {
                try FileCalls.setLength(of: store + "/data/" + name, 100, operation: "prepare")
            }
            try fixture.withEngine { engine in
                try engine.expectEqual([:], "begun again")
                try engine.put([2], for: [2], .synced)
            }
            try fixture.withEngine { try $0.expectEqual([[2]: [2]], "opened again") }
        },
        ConformanceCheck("missing, emptied and overwritten files are damage, never an empty store", needsFiles: true) {
            fixture in
            let data = fixture.storePath + "/data"
            try writeSome(fixture)
            let names = try FileCalls.names(in: data, operation: "prepare")
            for damage in Damage.allCases {
                try FileCalls.removeTree(fixture.storePath, operation: "prepare")
                try writeSome(fixture)
                let largest = try names.max { first, second in
                    try FileCalls.length(of: data + "/" + first, operation: "prepare") ?? 0
                        < FileCalls.length(of: data + "/" + second, operation: "prepare") ?? 0
                }
                guard let largest else { throw ConformanceViolation("the engine keeps no file in data") }
                try damage.apply(to: data + "/" + largest, all: names.map { data + "/" + $0 })
                try expectDamage(fixture, "\(damage) (\(largest) of \(names))")
            }
        },
    ]

    private static func writeSome(_ fixture: EngineFixture) throws {
        try fixture.withEngine { engine in
            try engine.write(.synced) { batch in
                for index in 0..<2_000 { batch.put(someValue(index), for: someKey(index)) }
            }
        }
    }

    /// The engine may have mended it, from its log: then all is there. Otherwise it must say so, at the open or when
    /// it comes upon the place.
    private static func expectDamage(_ fixture: EngineFixture, _ what: String) throws {
        do {
            try fixture.withEngine { engine in
                var index = 0
                try engine.scan(.all) { key, value in
                    try expect(
                        Bytes(key) == someKey(index) && Bytes(value) == someValue(index),
                        "\(what): entry \(index) is not what was put, and no error")
                    index += 1
                    return .proceed
                }
                try expect(index == 2_000, "\(what): \(index) of 2000 entries and no error")
            }
        } catch let error as EngineError {
            try expect([.damaged, .foreign].contains(error.code), "\(what): error \(error.code) (\(error))")
            try expect(!error.detail.isEmpty, "\(what): the error says nothing: \(error)")
        }
    }

    private static func someKey(_ index: Int) -> Bytes {
        [UInt8(index >> 8), UInt8(index & 255)]
    }

    private static func someValue(_ index: Int) -> Bytes {
        Bytes(repeating: UInt8(index & 255), count: 500 + index % 7)
    }
}

private enum Damage: CaseIterable {
    case dataFolderMissing
    case allFilesMissing
    case allFilesEmpty
    case largestHalved
    case largestHeadOverwritten
    case largestHeadZeroed

    func apply(to largest: String, all files: [String]) throws {
        switch self {
        case .dataFolderMissing:
            try FileCalls.removeTree(FileCalls.parent(of: largest), operation: "damage")
        case .allFilesMissing:
            for file in files { try FileCalls.removeTree(file, operation: "damage") }
        case .allFilesEmpty:
            for file in files { try FileCalls.setLength(of: file, 0, operation: "damage") }
        case .largestHalved:
            let length = try FileCalls.length(of: largest, operation: "damage") ?? 0
            try FileCalls.setLength(of: largest, length / 2, operation: "damage")
        case .largestHeadOverwritten:
            try overwriteHead(of: largest, with: "not what the engine wrote. ")
        case .largestHeadZeroed:
            try overwriteHead(of: largest, with: "\u{0}")
        }
    }

    private func overwriteHead(of path: String, with text: String) throws {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileCalls.failure("damage", "open", path) }
        defer { close(descriptor) }
        let head = String(repeating: text, count: 20_000 / text.utf8.count)
        try FileCalls.write(Array(head.utf8), to: descriptor, path: path, operation: "damage")
    }
}
