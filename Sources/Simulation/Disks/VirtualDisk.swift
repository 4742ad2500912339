import Engines

/// A file system that keeps what was synced, and of the rest whatever a power failure leaves. A value: a copy is a
/// snapshot.
///
/// A file's bytes are durable by sector once the file is synced, its name once the folder is. Of the sectors written
/// since, a power failure leaves an arbitrary set, the last of them torn; of the names changed since, those up to some
/// change, for file systems keep a journal of them.
struct VirtualDisk: Sendable {
    static let sectorSize = 512

    private struct File: Sendable {
        var stable: [UInt8] = []
        var current: [UInt8] = []
        /// Sectors written since the last sync, ascending ranges.
        var dirty: [Range<Int>] = []
        var isDirty: Bool { !dirty.isEmpty || stable.count != current.count }

        mutating func markDirty(_ sectors: Range<Int>) {
            if let last = dirty.last, last.upperBound >= sectors.lowerBound, last.lowerBound <= sectors.lowerBound {
                dirty[dirty.count - 1] = last.lowerBound..<max(last.upperBound, sectors.upperBound)
            } else {
                dirty.append(sectors)
            }
        }
    }

    private enum NameChange: Sendable {
        case link(String, Int)
        case unlink(String)
        case rename(String, String)
    }

    private var files: [File] = []
    /// In the order in which they were made: name to file.
    private var names: [(name: String, file: Int)] = []
    private var stableNames: [(name: String, file: Int)] = []
    private var nameChanges: [NameChange] = []
    /// Writes fail until there is room.
    var isFull = false
    /// The next sync fails, and what it should have written never reaches the disk, though it reads as if it had.
    var failsNextSync = false

    // MARK: Calls

    func exists(_ name: String) -> Bool { file(name) != nil }

    func length(_ name: String) -> Int { file(name).map { files[$0].current.count } ?? 0 }

    /// Each file's name and length, in the order in which they were made.
    func list() -> [(name: String, bytes: Int)] { names.map { ($0.name, files[$0.file].current.count) } }

    func read(_ name: String) -> [UInt8]? { file(name).map { files[$0].current } }

    /// Makes the file where there is none.
    mutating func create(_ name: String) {
        guard file(name) == nil else { return }
        files.append(File())
        change(.link(name, files.count - 1))
    }

    mutating func write(_ bytes: [UInt8], to name: String, at offset: Int) throws(EngineError) {
        guard !isFull else { throw EngineError(.full, operation: "write \(name)", detail: "no space left") }
        create(name)
        guard let index = file(name), !bytes.isEmpty else { return }
        let end = offset + bytes.count
        if files[index].current.count < end {
            let missing = end - files[index].current.count
            if files[index].current.count == offset {
                files[index].current.append(contentsOf: bytes)
                files[index].markDirty(offset / Self.sectorSize..<(end - 1) / Self.sectorSize + 1)
                return
            }
            files[index].current.append(contentsOf: repeatElement(0, count: missing))
        }
        files[index].current.replaceSubrange(offset..<end, with: bytes)
        files[index].markDirty(offset / Self.sectorSize..<(end - 1) / Self.sectorSize + 1)
    }

    mutating func truncate(_ name: String, to length: Int) {
        guard let index = file(name), files[index].current.count > length else { return }
        files[index].current.removeSubrange(length...)
        // The rest of the sector that the file now ends in reads as zeros from now on.
        if length % Self.sectorSize != 0 {
            files[index].markDirty(length / Self.sectorSize..<length / Self.sectorSize + 1)
        }
    }

    mutating func sync(_ name: String) throws(EngineError) {
        guard let index = file(name) else { return }
        if failsNextSync {
            failsNextSync = false
            // fsync(2) reports an error once: the pages are clean afterwards, whatever is on the disk.
            files[index].dirty = []
            throw EngineError(.syncFailed, operation: "sync \(name)", detail: "the disk did not take what was written")
        }
        settle(index)
    }

    mutating func rename(_ old: String, to new: String) throws(EngineError) {
        guard exists(old) else { throw EngineError(.unwritable, operation: "rename \(old)", detail: "no such file") }
        change(.rename(old, new))
    }

    mutating func remove(_ name: String) {
        if exists(name) { change(.unlink(name)) }
    }

    mutating func syncNames() {
        stableNames = names
        nameChanges = []
        if files.count > 8 { forgetUnnamed() }
    }

    /// Whether something of the file is not synced.
    func isDirty(_ name: String) -> Bool { file(name).map { files[$0].isDirty } ?? false }

    /// Changes what the disk holds and what the machine reads alike: a fault, not a write.
    mutating func edit(_ name: String, _ body: (inout [UInt8]) -> Void) {
        guard let index = file(name) else { return }
        body(&files[index].stable)
        body(&files[index].current)
    }

    // MARK: Faults

    /// A bit flips in what is on the disk.
    mutating func damage(_ name: String, bit: Int) -> Bool {
        guard let index = file(name), !files[index].current.isEmpty else { return false }
        let position = (bit / 8) % files[index].current.count
        files[index].current[position] ^= 1 << (bit % 8)
        if position < files[index].stable.count { files[index].stable[position] ^= 1 << (bit % 8) }
        return true
    }

    /// What a power failure leaves: it is what the disk holds from now on.
    mutating func losePower(_ generator: inout SeededGenerator) {
        isFull = false
        failsNextSync = false
        names = stableNames
        for change in nameChanges.prefix(generator.below(nameChanges.count + 1)) { Self.apply(change, &names) }
        syncNames()
        for index in files.indices where files[index].isDirty { tear(index, &generator) }
    }

    private mutating func tear(_ index: Int, _ generator: inout SeededGenerator) {
        let file = files[index]
        var kept: [Int] = []
        let permille = generator.pick([0, 300, 700, 1000])
        for range in file.dirty {
            for sector in range where !kept.contains(sector) && generator.chance(permille) { kept.append(sector) }
        }
        kept.sort()
        var left = file.stable
        let length =
            generator.chance(500)
            ? file.current.count
            : generator.within(
                min(left.count, file.current.count)...max(left.count, file.current.count))
        if left.count < length {
            left.append(contentsOf: repeatElement(0, count: length - left.count))
        } else {
            left.removeSubrange(length...)
        }
        for sector in kept {
            let start = sector * Self.sectorSize
            var end = min(start + Self.sectorSize, left.count, file.current.count)
            if sector == kept.last, generator.chance(500) { end = min(end, start + generator.below(Self.sectorSize)) }
            if start < end { left.replaceSubrange(start..<end, with: file.current[start..<end]) }
        }
        files[index] = File(stable: left, current: left)
    }

    // MARK: Inside

    private func file(_ name: String) -> Int? {
        for entry in names where entry.name == name { return entry.file }
        return nil
    }

    private mutating func forgetUnnamed() {
        files = names.map { files[$0.file] }
        names = names.enumerated().map { ($0.element.name, $0.offset) }
        stableNames = names
    }

    private mutating func settle(_ index: Int) {
        let count = files[index].current.count
        if files[index].stable.count > count { files[index].stable.removeSubrange(count...) }
        for range in files[index].dirty {
            let start = range.lowerBound * Self.sectorSize
            let end = min(range.upperBound * Self.sectorSize, count)
            guard start < end else { continue }
            let overlap = min(end, files[index].stable.count)
            if start < overlap {
                files[index].stable.replaceSubrange(start..<overlap, with: files[index].current[start..<overlap])
            }
            let begin = files[index].stable.count
            if begin < end { files[index].stable.append(contentsOf: files[index].current[begin..<end]) }
        }
        let begin = files[index].stable.count
        if begin < count { files[index].stable.append(contentsOf: files[index].current[begin...]) }
        files[index].dirty = []
    }

    private mutating func change(_ change: NameChange) {
        nameChanges.append(change)
        Self.apply(change, &names)
    }

    private static func apply(_ change: NameChange, _ names: inout [(name: String, file: Int)]) {
        switch change {
        case .link(let name, let file):
            names.removeAll { $0.name == name }
            names.append((name, file))
        case .unlink(let name):
            names.removeAll { $0.name == name }
        case .rename(let old, let new):
            guard let file = names.first(where: { $0.name == old })?.file else { return }
            names.removeAll { $0.name == old || $0.name == new }
            names.append((new, file))
        }
    }
}
