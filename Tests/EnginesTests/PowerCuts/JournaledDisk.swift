import Foundation
import Glibc

/// A folder as the disk has it and as its writer sees it, at some place of a ``DiskJournal``.
///
/// - What was written to a file before a sync of that file began is durable when the sync has ended. Of everything else
///   each sector may be there or not, in any version that the writer made (the system writes pages back as it likes).
/// - Names are durable by a sync of their folder alone: fsync(2) "does not necessarily ensure that the entry in the
///   directory containing the file has also reached disk". Of the rest a folder keeps its first changes, any number.
/// - A file whose memory is mapped for writing may hold anything. That is more than a power cut does to the two there
///   are, which every opening begins anew: LMDB's `lock.mdb` (lmdb.h: readers, no data), and SQLite's `-shm` ("the
///   shm file ... is reconstructed from the WAL file"). LMDB's data is not written through its map without
///   MDB_WRITEMAP, and Berkeley DB's regions are memory of the process, DB_PRIVATE.
final class JournaledDisk {
    final class Folder {
        var durable: [String: Node] = [:]
        /// In their order; what one call changes is changed at once. Nil for a name that goes away.
        var changes: [[(name: String, node: Node?)]] = []
        var settled = 0
        /// As its writer sees it.
        var names: [String: Node] = [:]

        func change(_ changed: [(name: String, node: Node?)]) {
            changes.append(changed)
            for (name, node) in changed { names[name] = node }
        }

        func settle(upTo position: Int) {
            guard position > settled else { return }
            durable = after(position - settled)
            changes.removeFirst(position - settled)
            settled = position
        }

        func after(_ count: Int) -> [String: Node] {
            var names = durable
            for (name, node) in changes[..<count].joined() { names[name] = node }
            return names
        }
    }

    enum Node {
        case file(JournaledFile)
        case folder(Folder)
    }

    private let root = Folder()
    private let atomicBytes: (_ name: String) -> Int
    private var descriptors: [Int32: Node] = [:]
    private var syncs: [Int: (node: Node, position: Int)] = [:]
    /// The file that was written last, if nothing has come after it.
    private var underTheHead: JournaledFile?

    /// Everything that a real folder holds is durable. `atomicBytes` of a file is what the disk writes whole.
    init(_ path: String, atomicBytes: @escaping (_ name: String) -> Int) throws {
        self.atomicBytes = atomicBytes
        try load(path, into: root)
    }

    func apply(_ event: DiskJournal.Event) throws {
        underTheHead = nil
        switch event {
        case .opened(let descriptor, let path, let flags): try open(descriptor, path, flags)
        case .written(let descriptor, let offset, let bytes):
            let file = try file(descriptor)
            file.write(bytes, at: offset)
            underTheHead = file
        case .length(let descriptor, let length): try file(descriptor).setLength(length)
        case .lengthOfPath(let path, let length):
            let (folder, name) = try parent(of: path)
            guard case .file(let file)? = folder.names[name] else { throw unknown("a file", path) }
            file.setLength(length)
        case .allocated(let descriptor, let offset, let length):
            let file = try file(descriptor)
            file.setLength(max(file.length, offset + length))
        case .renamed(let old, let new):
            let (folder, name) = try parent(of: old)
            let (target, newName) = try parent(of: new)
            guard folder === target, let node = folder.names[name] else { throw unknown("a rename in one folder", old) }
            folder.change([(name, nil), (newName, node)])
        case .removed(let path):
            let (folder, name) = try parent(of: path)
            guard folder.names[name] != nil else { throw unknown("a name", path) }
            folder.change([(name, nil)])
        case .folderMade(let path):
            let (folder, name) = try parent(of: path)
            folder.change([(name, .folder(Folder()))])
        case .syncBegun(let descriptor, let number):
            guard let node = descriptors[descriptor] else { throw unknown("a descriptor", "\(descriptor)") }
            switch node {
            case .file(let file): syncs[number] = (node, file.position)
            case .folder(let folder): syncs[number] = (node, folder.settled + folder.changes.count)
            }
        case .syncEnded(let number):
            guard let (node, position) = syncs.removeValue(forKey: number) else { throw unknown("a sync", "\(number)") }
            switch node {
            case .file(let file): file.settle(upTo: position)
            case .folder(let folder): folder.settle(upTo: position)
            }
        case .durable(let descriptor, let offset, let length): try file(descriptor).settle(offset..<offset + length)
        case .mapped(let descriptor): try file(descriptor).isMapped = true
        case .said: break
        }
    }

    /// Makes the folder at `path`, which must be empty, as a power cut may leave it now.
    func cut(_ fate: inout PowerCut.Fate, into path: String) throws {
        try write(root, path) { folder in
            let names = folder.after(fate.names(of: folder.changes.count))
            return names.sorted { $0.key < $1.key }.map { name, node in
                guard case .file(let file) = node else { return (name, node, []) }
                return (name, node, file.survivor(&fate, mayTear: file === underTheHead))
            }
        }
    }

    /// The folder that the writer sees, but for the files that memory writes to. Paths and contents.
    func contents() -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        func visit(_ folder: Folder, _ path: String) {
            for (name, node) in folder.names {
                switch node {
                case .file(let file): if !file.isMapped { found[path + name] = file.whole }
                case .folder(let folder): visit(folder, path + name + "/")
                }
            }
        }
        visit(root, "")
        return found
    }

    /// Names that a power cut may take: of files and folders that are there, but for those that memory writes to.
    var namesAtRisk: [String] {
        func visit(_ folder: Folder, _ path: String) -> [String] {
            var risky = folder.changes.joined().compactMap { change -> String? in
                guard change.node != nil, let node = folder.names[change.name] else { return nil }
                if case .file(let file) = node, file.isMapped { return nil }
                return path + change.name
            }
            for (name, node) in folder.names {
                if case .folder(let below) = node { risky += visit(below, path + name + "/") }
            }
            return risky.sorted()
        }
        return visit(root, "")
    }

    private func write(
        _ folder: Folder, _ path: String,
        _ survivors: (Folder) -> [(name: String, node: Node, bytes: [UInt8])]
    ) throws {
        for (name, node, bytes) in survivors(folder) {
            let place = path + "/" + name
            switch node {
            case .file: try write(bytes, place)
            case .folder(let below):
                try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
                try write(below, place, survivors)
            }
        }
    }

    /// Leaves holes for zeros: Berkeley DB gives each file of its log its full length of 32 MiB.
    private func write(_ bytes: [UInt8], _ place: String) throws {
        let descriptor = Glibc.open(place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw unknown("a file that can be written", place) }
        defer { close(descriptor) }
        var isWritten = ftruncate(descriptor, bytes.count) == 0
        bytes.withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: Self.hole.count) {
                let block = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + Self.hole.count, bytes.count)])
                guard let base = block.baseAddress, memcmp(base, Self.hole, block.count) != 0 else { continue }
                isWritten = isWritten && pwrite(descriptor, base, block.count, start) == block.count
            }
        }
        guard isWritten else { throw unknown("a file that can be written", place) }
    }

    private static let hole = [UInt8](repeating: 0, count: 16 << 10)

    private func load(_ path: String, into folder: Folder) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: path).sorted() {
            let place = path + "/" + name
            if let bytes = FileManager.default.contents(atPath: place) {
                folder.durable[name] = .file(JournaledFile([UInt8](bytes), atomicBytes: atomicBytes(name)))
            } else {
                let below = Folder()
                folder.durable[name] = .folder(below)
                try load(place, into: below)
            }
        }
        folder.names = folder.durable
    }

    private func open(_ descriptor: Int32, _ path: String, _ flags: Int32) throws {
        guard !path.isEmpty else {
            descriptors[descriptor] = .folder(root)
            return
        }
        let (folder, name) = try parent(of: path)
        if folder.names[name] == nil {
            guard flags & O_CREAT != 0 else { throw unknown("a file", path) }
            folder.change([(name, .file(JournaledFile(atomicBytes: atomicBytes(name))))])
        }
        descriptors[descriptor] = folder.names[name]
        if flags & O_TRUNC != 0 { try file(descriptor).setLength(0) }
    }

    private func parent(of path: String) throws -> (Folder, name: String) {
        var parts = path.split(separator: "/").map(String.init)
        guard let name = parts.popLast() else { throw unknown("a name", path) }
        var folder = root
        for part in parts {
            guard case .folder(let below)? = folder.names[part] else { throw unknown("a folder", path) }
            folder = below
        }
        return (folder, name)
    }

    private func file(_ descriptor: Int32) throws -> JournaledFile {
        guard case .file(let file)? = descriptors[descriptor] else { throw unknown("an open file", "\(descriptor)") }
        return file
    }

    private func unknown(_ wanted: String, _ found: String) -> DiskJournal.Unreadable {
        DiskJournal.Unreadable(description: "the journal names \(found), where there should be \(wanted)")
    }
}
