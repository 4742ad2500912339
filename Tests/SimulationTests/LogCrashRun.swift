import Engines
import NIOCore
import Testing

@testable import Simulation

struct LogCrashFigures {
    var powerFailures: UInt64 = 0
    var kills: UInt64 = 0
    var closes: UInt64 = 0
    /// Lives that ended before the store was open.
    var crashedOpenings: UInt64 = 0
    /// Commits that a crash took.
    var lost: UInt64 = 0
    var drained: UInt64 = 0
    /// Files of the log that were renamed to be written over.
    var recycled: UInt64 = 0
    /// Torn records that had readable ones behind them.
    var wiped: UInt64 = 0
    var waited: UInt64 = 0

    mutating func add(_ other: LogCrashFigures) {
        powerFailures += other.powerFailures
        kills += other.kills
        closes += other.closes
        crashedOpenings += other.crashedOpenings
        lost += other.lost
        drained += other.drained
        recycled += other.recycled
        wiped += other.wiped
        waited += other.waited
    }
}

/// A store that crashes again and again, and a model of what it may hold.
struct LogCrashRun {
    private let seed: UInt64
    private let isLogged: Bool
    private var generator: SeededGenerator
    private(set) var figures = LogCrashFigures()

    private(set) var files = VirtualSegmentFiles(VirtualDisk())
    private var engine: PoweredEngine
    private var store: BufferedEngine?
    private var power = PowerSupply()

    /// What the store held after each commit that may still be there, and the newest of them that is durable.
    private var states = [OrderedRecords()]
    private var durable = Durable()

    /// Told by ``LocalPersistenceEngine/whenDurable(_:)``.
    private final class Durable: @unchecked Sendable {
        // Unchecked: a simulation runs in one thread.
        var index = 0
        var told: UInt64 = 0

        init(index: Int = 0) {
            self.index = index
        }
    }

    init(seed: UInt64, isLogged: Bool) throws {
        self.seed = seed
        self.isLogged = isLogged
        generator = SeededGenerator(seed: seed)
        engine = try PoweredEngine(VirtualDisk(), power)
    }

    mutating func lives(_ count: Int) throws {
        for life in 0..<count {
            power.callsLeft = generator.chance(800) ? generator.below(generator.pick([4, 40, 200])) : nil
            let place = "seed \(seed), life \(life)"
            do {
                try open()
            } catch let error as EngineError {
                guard power.isGone else {
                    Issue.record("\(place): \(error)")
                    return
                }
                figures.crashedOpenings += 1
                try crash(.powerFailure)
                continue
            }
            try settle(place)
            let end = try live(place)
            try crash(end)
        }
        power.callsLeft = nil
        try open()
        try settle("seed \(seed), at last")
    }

    // MARK: Single steps

    mutating func commitSynced(_ count: Int) throws {
        try open()
        for _ in 0..<count { try commit(.synced, small: true) }
    }

    mutating func reopen() throws {
        try crash(.powerFailure)
        try open()
    }

    func holdsAll() throws -> Bool { try contents() == states.last?.lines }
    func holdsAllButLast() throws -> Bool { try contents() == states[states.count - 2].lines }

    /// The file that is written.
    var newestFile: String { (try? files.list().map(\.name).max()) ?? "" }

    /// Where its last record begins: records begin with the first bytes of their batch behind 32 bytes of their own.
    var lastRecord: Int {
        let bytes = files.disk.read(newestFile) ?? []
        let end = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
        // From the front: each says how long it is.
        var offset = 0
        while true {
            let length = (0..<4).reduce(0) { $0 | Int(bytes[offset + 12 + $1]) << (8 * $1) }
            let next = offset + (32 + length + 7) & ~7
            if next >= end { return offset }
            offset = next
        }
    }

    // MARK: Inside

    private var options: WritePathOptions {
        var options = WritePathOptions()
        options.bufferObjects = 30
        options.bufferBytes = 16 << 10
        options.transactionBytes = 2 << 10
        // A full segment is synced: only long ones have an end of several commits to lose.
        options.segmentBytes = seed % 2 == 0 ? 4 << 10 : 32 << 10
        options.logBytes = 6 * options.segmentBytes
        return options
    }

    private mutating func open() throws {
        if isLogged {
            store = try BufferedEngine(
                over: engine, log: files, options: options, stepsInline: true, identity: seed &* 77 &+ 1)
        } else {
            store = BufferedEngine(over: engine, options: options, stepsInline: true)
        }
    }

    /// What was found after an opening is one of the states, and durable from then on.
    private mutating func settle(_ place: String) throws {
        let found = try contents()
        guard let index = states.lastIndex(where: { $0.lines == found }) else {
            Issue.record("\(place): what is left never was")
            throw Ended()
        }
        guard index >= durable.index else {
            Issue.record("\(place): commit \(index) is the newest, \(durable.index) was durable")
            throw Ended()
        }
        figures.lost += UInt64(states.count - 1 - index)
        states = Array(states[...index])
        durable.index = index
    }

    private mutating func live(_ place: String) throws -> NodeEnd {
        for _ in 0..<generator.within(0...60) {
            do {
                try step()
            } catch let error as EngineError {
                guard power.isGone else {
                    Issue.record("\(place): \(error)")
                    throw Ended()
                }
                return .powerFailure
            }
            guard try contents() == states.last?.lines else {
                Issue.record("\(place): the running store holds another state than its commits left")
                throw Ended()
            }
        }
        guard generator.chance(300), let store else { return generator.pick([.powerFailure, .kill]) }
        do {
            try store.close()
        } catch {
            guard power.isGone else {
                Issue.record("\(place): close: \(error)")
                throw Ended()
            }
            return .powerFailure
        }
        durable.index = states.count - 1
        figures.closes += 1
        return .cleanStop
    }

    private mutating func step() throws {
        guard let store else { return }
        switch generator.below(20) {
        case 0, 1:
            if store.drainStep() { figures.drained += 1 }
        case 2: store.freeze()
        case 3:
            try store.sync()
            durable.index = states.count - 1
        case 4:
            let index = states.count - 1
            store.whenDurable { [durable] outcome in
                guard case .success = outcome else { return }
                durable.index = max(durable.index, index)
                durable.told += 1
            }
        case 5...9: try commit(.synced, small: false)
        default: try commit(.unsynced, small: false)
        }
        if power.isGone { throw EngineError(.failed, operation: "step", detail: "the power is gone") }
    }

    private mutating func commit(_ durability: Durability, small: Bool) throws {
        guard let store, var state = states.last else { return }
        let batch = small ? smallBatch() : batch()
        state.apply(batch)
        // It may be there although it failed: the power went before it could be told.
        states.append(state)
        try store.commit(batch, durability: durability)
        if durability == .synced { durable.index = states.count - 1 }
    }

    private mutating func smallBatch() -> WriteBatch {
        var batch = WriteBatch()
        batch.put(value(40), for: ByteBuffer(string: "key-\(generator.below(20))"))
        return batch
    }

    private mutating func batch() -> WriteBatch {
        var batch = WriteBatch()
        for _ in 0..<generator.within(1...3) {
            let key = ByteBuffer(string: "key-\(generator.below(20))")
            switch generator.below(20) {
            case 0, 1: batch.delete(key)
            case 2: batch.deleteRange(KeyRange(from: key, to: ByteBuffer(string: "key-\(generator.below(20))")))
            case 3: batch.deleteRange(KeyRange(from: key, to: nil))
            // Beyond a segment.
            case 4: batch.put(value(6_000), for: key)
            default: batch.put(value(700), for: key)
            }
        }
        return batch
    }

    private mutating func value(_ most: Int) -> ByteBuffer {
        ByteBuffer(bytes: (0..<generator.within(1...most)).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
    }

    private func contents() throws -> [ByteBuffer] {
        var contents: [ByteBuffer] = []
        try store?.scan(.all) { key, value in
            contents.append(ByteBuffer(bytes: key))
            contents.append(ByteBuffer(bytes: value))
            return .proceed
        }
        return contents
    }

    /// Ends the life, and puts what is left of the disks before the next one.
    private mutating func crash(_ end: NodeEnd) throws {
        figures.waited += durable.told
        durable = Durable(index: durable.index)
        figures.recycled += files.renames
        figures.wiped += files.wipes
        switch end {
        case .powerFailure: figures.powerFailures += 1
        case .kill: figures.kills += 1
        case .cleanStop: break
        }
        store = nil
        var disk = files.disk
        if end == .powerFailure { disk.losePower(&generator) }
        // All that the engine wrote may be on the disk, asked for or not, though the log's end is not.
        let isWrittenBack = end == .powerFailure && generator.chance(400)
        let data = engine.left(after: isWrittenBack ? .kill : end, &generator)
        power = PowerSupply()
        files = VirtualSegmentFiles(disk, power)
        engine = try PoweredEngine(data, power)
    }

    struct Ended: Error {}
}

extension OrderedRecords {
    /// As a scan gives them: a key, its value, the next key.
    var lines: [ByteBuffer] { zip(keys, values).flatMap { [$0, $1] } }
}
