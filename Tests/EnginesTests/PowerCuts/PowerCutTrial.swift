import Engines
import Foundation

/// Lives of a store that writes batches, each cut off at several places; the next life begins with what one of the cuts
/// has left.
struct PowerCutTrial {
    /// One run of the child, and its journal.
    struct Life {
        enum End {
            case killed(after: Int, commits: Double)
            case batches(Int)
        }

        let folder: String
        let journal: DiskJournal
        /// As it was before the child ran.
        let disk: JournaledDisk

        init(
            _ store: KillTests.Store, _ durability: String, in place: String, number: Int, end: End,
            unsynced: String? = nil, tearsPages: Bool = false
        ) throws {
            let folder = "\(place)/life-\(number)"
            self.folder = folder
            if !FileManager.default.fileExists(atPath: folder) {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            }
            disk = try JournaledDisk(folder) { name in
                PowerCutTrial.atomicBytes(store.kind, name, tearsPages: tearsPages)
            }
            let file = "\(place)/journal-\(number)"
            var environment = [
                "LD_PRELOAD": try TortureChild.built("libdisk-journal.so"), "ROTOR_DISK_JOURNAL": file,
                "ROTOR_DISK_FOLDER": folder,
            ]
            environment["ROTOR_DISK_UNSYNCED"] = unsynced.map { "\(folder)/store/\($0)" }
            switch end {
            case .killed(let count, let commits):
                let child = try TortureChild(store, folder + "/store", durability, environment: environment)
                _ = try child.kill(after: count, commits: commits)
            case .batches(let batches):
                let child = try TortureChild(
                    store, folder + "/store", durability, batches: batches, environment: environment)
                try child.waitForEnd()
            }
            journal = try DiskJournal(contentsOf: file, folder: folder)
            try FileManager.default.removeItem(atPath: file)
        }
    }

    /// A cut after which the store was not as it should be.
    struct Failure: CustomStringConvertible {
        /// The last batch that was acknowledged as durable before the cut; 0 for none.
        let acknowledged: Int
        let description: String
    }

    let store: KillTests.Store
    let durability: String
    let seed: UInt64
    /// A part of the store whose syncs do nothing.
    let unsynced: String?
    let tearsPages: Bool
    private(set) var failures: [Failure] = []
    private(set) var made = 0
    private(set) var lives = 0
    private var events = 0
    private var longest = 0
    private var random: SplitMix64
    private let place: TemporaryFolder

    init(_ store: KillTests.Store, durability: String, seed: UInt64, unsynced: String? = nil, tearsPages: Bool = false)
        throws
    {
        self.store = store
        self.durability = durability
        self.seed = seed
        self.unsynced = unsynced
        self.tearsPages = tearsPages
        random = SplitMix64(seed: seed)
        place = try TemporaryFolder()
    }

    /// Whether a store had acknowledged something that was gone after a cut, or could not be read.
    var hasLost: Bool { failures.contains { $0.acknowledged > 0 } }

    /// Berkeley DB counts on whole pages: its log tells of changes to them, not of what was there. (A database has a
    /// name with `__db.` while it is made.)
    static func atomicBytes(_ kind: EngineKind, _ name: String, tearsPages: Bool) -> Int {
        let hasPages = kind == .bdb && (name.hasSuffix(".db") || name.hasPrefix("__db."))
        return hasPages && !tearsPages ? 16 << 10 : JournaledFile.sectorBytes
    }

    /// Ends early with the first failure after which something acknowledged is not there, if that is what is `wanted`.
    mutating func run(cuts: Int, untilLost wanted: Bool = false) throws {
        var before = 0
        // A short run has a long life, too.
        let cutsOfALife = cuts < 100 ? 5 : 10
        while made < cuts, !(wanted && hasLost) {
            // Every few lives a new store; a lost one has no next life.
            if lives % 4 == 0 || !failures.isEmpty {
                before = 0
                let inherited = "\(place.path)/life-\(lives)"
                if FileManager.default.fileExists(atPath: inherited) {
                    try FileManager.default.removeItem(atPath: inherited)
                }
            }
            // A long one goes through checkpoints, and through several files of Berkeley DB's log.
            let count = Int.random(in: lives % 4 == 3 ? 300...600 : 1...90, using: &random)
            let end: Life.End =
                Bool.random(using: &random)
                ? .batches(count) : .killed(after: count, commits: Double.random(in: 0...2, using: &random))
            let life = try Life(
                store, durability, in: place.path, number: lives, end: end, unsynced: unsynced,
                tearsPages: tearsPages)
            events += life.journal.events.count
            before = try cut(life, acknowledged: before, times: min(cutsOfALife, cuts - made), wanted)
            try FileManager.default.removeItem(atPath: life.folder)
            lives += 1
        }
    }

    /// Gives back what the cut that the next life begins with has left for sure.
    private mutating func cut(
        _ life: Life, acknowledged before: Int, times: Int, _ untilLost: Bool
    ) throws -> Int {
        let events = life.journal.events
        let syncs = life.journal.syncs
        var places = (0..<times).map { _ in Self.place(in: events.count, syncs, &random) }
        places.sort()
        let inherited = Int.random(in: 0..<times, using: &random)
        var left = before
        var applied = 0
        var acknowledged = before
        var begun = before
        for (index, place) in places.enumerated() {
            while applied < place {
                try life.disk.apply(events[applied])
                if case .said(let line) = events[applied], let number = Int(line.prefix { $0.isNumber }) {
                    begun = number
                    if line.contains("!") { acknowledged = number }
                }
                applied += 1
            }
            let fateSeed = random.next()
            if index == inherited {
                // The same fate twice: once to be checked, once for the next life.
                try leave(life.disk, fateSeed, at: "\(self.place.path)/life-\(lives + 1)")
                left = acknowledged
            }
            let folder = "\(self.place.path)/cut"
            try leave(life.disk, fateSeed, at: folder)
            made += 1
            longest = max(longest, acknowledged)
            do {
                let newest = try TortureChild.check(store, folder + "/store", acknowledged: acknowledged)
                // What was begun in the life before may be there, too.
                if begun > before, newest > begun + 1 {
                    fail(place, fateSeed, acknowledged, "\(begun) batches were committed, \(newest) are there")
                }
            } catch {
                fail(place, fateSeed, acknowledged, "\(error)")
            }
            try FileManager.default.removeItem(atPath: folder)
            if untilLost && hasLost { break }
        }
        return left
    }

    private func leave(_ disk: JournaledDisk, _ seed: UInt64, at folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        var fate = PowerCut.Fate(seed: seed)
        try disk.cut(&fate, into: folder)
    }

    /// Anywhere, but more often while the store opens, when it ends, and around a sync of each file, also of one that
    /// is seldom synced: then there is most to lose.
    private static func place(
        in count: Int, _ syncs: [(path: String, places: [Int])], _ random: inout SplitMix64
    ) -> Int {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return Int.random(in: 0...min(count, 200), using: &random)
        case 1: return Int.random(in: max(0, count - 100)...count, using: &random)
        case 2, 3, 4:
            let sync = syncs.randomElement(using: &random)?.places.randomElement(using: &random) ?? 0
            return Int.random(in: max(0, sync - 10)...min(count, sync + 2), using: &random)
        default: return Int.random(in: 0...count, using: &random)
        }
    }

    private mutating func fail(_ place: Int, _ fateSeed: UInt64, _ acknowledged: Int, _ what: String) {
        failures.append(
            Failure(
                acknowledged: acknowledged,
                description: """
                    \(store.testDescription), seed \(seed), life \(lives), cut \(made) at event \(place) with fate \
                    \(fateSeed), \(acknowledged) acknowledged: \(what)
                    """))
    }

    func print() {
        let found =
            """
            \(store.testDescription), \(durability)\(unsynced.map { ", without the syncs of \($0)" } ?? "")\
            \(tearsPages ? ", pages torn" : ""): \(made) cuts of \
            \(lives) lives with \(events) events and up to \(longest) batches, \(failures.count) failures
            """
        // At once, also where the output is a file: a long run tells where it is.
        FileHandle.standardOutput.write(Data((found + "\n").utf8))
    }
}
