/// A file as the disk has it and as its writer sees it: what is durable, and the changes that are not.
final class JournaledFile {
    private enum Change {
        case write(at: Int, bytes: ArraySlice<UInt8>)
        case length
    }

    /// A disk writes a sector whole, or nothing of it; but for the one it is writing when the power goes.
    static let sectorBytes = 512

    private var durable: [UInt8]
    private var changes: [(change: Change, length: Int)] = []
    /// Changes that have become durable. Positions below count from the file's first change.
    private var settled = 0
    /// Sectors that are durable up to a later position than the whole file, and the length that goes with them.
    private var settledSectors: [Int: Int] = [:]
    private var settledLength = 0
    /// Memory writes to it, unseen: then anything may be in it.
    var isMapped = false
    /// What a disk writes whole. Engines that count on more than a sector say so.
    let atomicBytes: Int

    init(_ bytes: [UInt8] = [], atomicBytes: Int) {
        durable = bytes
        self.atomicBytes = atomicBytes
    }

    /// The number of changes so far.
    var position: Int { settled + changes.count }
    var length: Int { changes.last?.length ?? durable.count }

    func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
        changes.append((.write(at: offset, bytes: bytes), max(length, offset + bytes.count)))
    }

    func setLength(_ length: Int) {
        changes.append((.length, length))
    }

    /// Everything up to a position is on the disk.
    func settle(upTo position: Int) {
        guard position > settled else { return }
        let count = position - settled
        for entry in changes[..<count] { Self.apply(entry.change, length: entry.length, to: &durable) }
        changes.removeFirst(count)
        settled = position
        settledSectors = settledSectors.filter { $0.value > position }
    }

    /// A part of it is, with the length that it needs.
    func settle(_ part: Range<Int>) {
        for sector in sectors(part) { settledSectors[sector] = position }
        settledLength = position
    }

    /// What its writer sees.
    var whole: [UInt8] {
        var bytes = durable
        for entry in changes { Self.apply(entry.change, length: entry.length, to: &bytes) }
        return bytes
    }

    /// What may be left of it. Each sector is as it was after some change to it, or durable; so is the length.
    func survivor(_ fate: inout PowerCut.Fate, mayTear: Bool) -> [UInt8] {
        if isMapped { return fate.garbage(whole.count) }
        guard !changes.isEmpty else { return durable }
        let lengths = [durable.count] + changes.map(\.length)
        let final = fate.length(among: lengths, from: max(settledLength - settled, 0), step: atomicBytes)
        var bytes = durable
        Self.resize(&bytes, lengths.max() ?? 0)
        var kept: [Int: Int] = [:]
        var torn: (sector: Int, bytes: Int)?
        if mayTear, case .write(let offset, let written)? = changes.last?.change {
            torn = fate.tear(among: sectors(offset..<offset + written.count), bytes: atomicBytes)
            if let torn { kept[torn.sector] = changes.count - 1 }
        }
        var before = durable.count
        for (index, entry) in changes.enumerated() {
            let part: Range<Int>
            switch entry.change {
            case .write(let offset, let written): part = offset..<offset + written.count
            case .length: part = entry.length..<max(entry.length, before)
            }
            before = entry.length
            for sector in sectors(part) {
                let count =
                    kept[sector]
                    ?? fate.changes(of: changes.count, from: max((settledSectors[sector] ?? 0) - settled, 0))
                kept[sector] = count
                var range = part.clamped(to: sector * atomicBytes..<(sector + 1) * atomicBytes)
                if index == changes.count - 1, let torn, torn.sector == sector {
                    range = range.clamped(to: sector * atomicBytes..<sector * atomicBytes + torn.bytes)
                } else if count <= index {
                    continue
                }
                Self.put(entry.change, range, into: &bytes)
            }
        }
        Self.resize(&bytes, final)
        return bytes
    }

    private func sectors(_ part: Range<Int>) -> Range<Int> {
        part.isEmpty ? 0..<0 : part.lowerBound / atomicBytes..<(part.upperBound - 1) / atomicBytes + 1
    }

    private static func apply(_ change: Change, length: Int, to bytes: inout [UInt8]) {
        resize(&bytes, length)
        if case .write(let offset, let written) = change { put(change, offset..<offset + written.count, into: &bytes) }
    }

    private static func put(_ change: Change, _ range: Range<Int>, into bytes: inout [UInt8]) {
        guard !range.isEmpty else { return }
        bytes.withUnsafeMutableBytes { target in
            let target = UnsafeMutableRawBufferPointer(rebasing: target[range])
            switch change {
            case .write(let offset, let written):
                written.withUnsafeBytes { source in
                    let from = range.lowerBound - offset
                    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[from..<from + range.count]))
                }
            case .length:
                // What was cut off and is there again reads as zeros.
                target.initializeMemory(as: UInt8.self, repeating: 0)
            }
        }
    }

    private static func resize(_ bytes: inout [UInt8], _ length: Int) {
        if bytes.count > length {
            bytes.removeLast(bytes.count - length)
        }
        // In blocks: element by element takes seconds in a debug build.
        while bytes.count < length { bytes.append(contentsOf: zeros[..<min(length - bytes.count, zeros.count)]) }
    }

    private static let zeros = [UInt8](repeating: 0, count: 64 << 10)
}
