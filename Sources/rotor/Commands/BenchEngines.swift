import ArgumentParser
import EngineBench
import Engines
import Foundation
import Glibc

struct BenchEngines: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engines",
        abstract: "Measure the engines on this machine's disk, side by side with plain C loops over their libraries.",
        discussion: """
            Each store is filled first (load), then put under one workload after the other: put (new values for \
            random keys), get (random keys), mixed (puts and gets, half and half), scan (ranges of up to 1,000 \
            entries in order). Puts are made as the server makes them: all that wait become one commit. What an \
            engine puts off (checkpoints, buffers, logs) is written after each workload and counts as written. The \
            C loops lmdb-c, bdb-c and sqlite-c show what the library does without Rotor, with the same syncs and \
            checkpoints and --threads puts a commit.

              rotor bench engines                        four value sizes
              rotor bench engines --engine lmdb,bdb --value-size 1KiB,64KiB
              rotor bench engines --value-size 1KiB --keys 200000 --duration 20
              rotor bench engines --workload mixed --rate 5000 --duration 60
              rotor bench engines --write-path direct,buffered \\
                --buffer-objects 1000 --workload put --html report.html

            With --rate an operation's latency counts from when it should have begun, so that a stall is seen by \
            all that it held up. With --json: [{"engine","write_path","workload","value_bytes","threads", \
            "ops_per_second","p50_us","p99_us","p999_us","cpu_us_per_op","disk_bytes_per_key", \
            "write_amplification","resident_bytes"}]. CPU and memory are the whole process's, the load's own \
            included; the bytes written are those of the disk where that is less than what the process is said to \
            have written, so other programs that write meanwhile may be counted too.
            """)

    @OptionGroup var output: JSONOption

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Engines and C loops: \(KindList<BenchSubject>.names). (default: all but memory)", valueName: "name[,…]"))
    var engine: [KindList<BenchSubject>] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How puts reach the engine: \(KindList<WritePath>.names). The C loops"
                + " know direct only. (default: direct,logged)",
            valueName: "path[,…]"))
    var writePath: [KindList<WritePath>] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Bytes of each value, as 100, 16KiB, 1MiB. (default: 100,1KiB,16KiB,256KiB)", valueName: "size[,…]"))
    var valueSize: [SizeList] = []

    @Option(
        name: .long,
        help: ArgumentHelp("Keys in each store. (default: 20000, fewer of large values)", valueName: "number"))
    var keys: Int?

    @Option(name: .long, help: ArgumentHelp("How long each workload but load is measured.", valueName: "seconds"))
    var duration = 0.5

    @Option(name: .long, help: ArgumentHelp("Clients that put, each waiting for its own.", valueName: "number"))
    var threads = 64

    @Option(name: .long, help: ArgumentHelp("Threads that get and scan.", valueName: "number"))
    var readers = 1

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Workloads: \(KindList<BenchWorkload>.names). (default: all but mixed)", valueName: "name[,…]"))
    var workload: [KindList<BenchWorkload>] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Begin so many operations a second, however long they take; without it each client begins when it is"
                + " answered. Not with C loops.", valueName: "number"))
    var rate: Double?

    @Option(name: .long, help: "The same seed gives the same keys and values, in the same order.")
    var seed: UInt64 = 1

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How many objects the buffer of buffered and logged holds. (default: \(WritePathOptions().bufferObjects))",
            valueName: "number"))
    var bufferObjects: Int?

    @Option(
        name: .long, help: ArgumentHelp("Of the page cache of bdb and sqlite. (default: 64MiB)", valueName: "size"))
    var cacheSize: SizeList?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where the stores are put while they are measured. (default: the folder for temporary files)",
            valueName: "path"))
    var folder: String?

    @Option(
        name: .long, help: ArgumentHelp("Write a page with plots, which needs nothing else.", valueName: "file"))
    var html: String?

    func validate() throws {
        guard (0.01...86_400).contains(duration) else { throw ValidationError("--duration goes from 0.01 to 86400") }
        guard (1...10_000).contains(threads) else { throw ValidationError("--threads goes from 1 to 10000") }
        guard (1...256).contains(readers) else { throw ValidationError("--readers goes from 1 to 256") }
        if let keys, !(1...1_000_000_000).contains(keys) { throw ValidationError("--keys goes from 1 to 1000000000") }
        if let bufferObjects, !(1...1_000_000_000).contains(bufferObjects) {
            throw ValidationError("--buffer-objects goes from 1 to 1000000000")
        }
        if let rate, !(0.1...1e9).contains(rate) { throw ValidationError("--rate goes from 0.1 to 1000000000") }
        let plan = plan
        guard plan.valueSizes.allSatisfy({ $0 <= EngineLimits.maximumValueLength }) else {
            throw ValidationError("--value-size goes up to \(ByteCount(EngineLimits.maximumValueLength))")
        }
        if let cacheSize, cacheSize.sizes.count != 1 { throw ValidationError("--cache-size is one size") }
        guard !plan.subjects.isEmpty, !plan.writePaths.isEmpty, !plan.workloads.isEmpty else {
            throw ValidationError("--engine, --write-path and --workload name at least one each")
        }
        if rate != nil, !engine.isEmpty, plan.subjects.contains(where: \.isLoop) {
            throw ValidationError("--rate is for engines: the C loops know no rate")
        }
    }

    func run() throws {
        let plan = plan
        do {
            let path = try FileCalls.makeTemporaryFolder(named: "rotor-bench", in: folder)
            let stop = try StopSignals { Self.remove(path) }
            defer {
                stop.cancel()
                Self.remove(path)
            }
            if BenchRun.isInMemory(path) {
                StandardStreams.complain("\(path) is in memory: syncs cost nothing there; name a disk with --folder")
            }
            for omission in plan.omissions { StandardStreams.complain(omission) }
            let bar = output.json ? nil : ProgressBar("measuring", total: plan.steps)
            let results = try BenchRun(plan, folder: path).results { bar?.advance() }
            try bar?.finish()
            try show(results)
        } catch let error as EngineError {
            throw CommandFailure(.inputOutput, "\(error)")
        } catch let error as Overloaded {
            throw CommandFailure(.refused, "\(error)")
        }
    }

    var plan: BenchPlan {
        var plan = BenchPlan()
        if !engine.isEmpty {
            plan.subjects = engine.flatMap(\.kinds)
        } else if rate != nil {
            plan.subjects.removeAll(where: \.isLoop)
        }
        if !writePath.isEmpty { plan.writePaths = writePath.flatMap(\.kinds) }
        if !valueSize.isEmpty { plan.valueSizes = valueSize.flatMap(\.sizes) }
        if !workload.isEmpty { plan.workloads = workload.flatMap(\.kinds) }
        if let bufferObjects { plan.writePathOptions.bufferObjects = bufferObjects }
        plan.keys = keys
        plan.seconds = duration
        plan.threads = threads
        plan.readers = readers
        plan.rate = rate
        plan.seed = seed
        if let cache = cacheSize?.sizes.first { plan.cacheBytes = cache }
        return plan
    }

    private func show(_ results: [BenchResult]) throws {
        let rows = results.map(\.row)
        if output.json {
            try JSONOutput.print(rows)
        } else {
            var table = TextTable()
            table.add(cells: BenchRow.heads + ["settled in"])
            for result in results { table.add(cells: result.row.cells + ["\(result.settleSeconds.tenths) s"]) }
            for line in table.lines() { try StandardStreams.print(line) }
            for line in LoopRatios.lines(for: results) { try StandardStreams.print(line) }
            try StandardStreams.print(EngineAdvice.line(for: rows, isPaced: rate != nil))
        }
        for row in rows where rate.map({ row.workload != "load" && row.operationsPerSecond < $0 * 0.98 }) == true {
            StandardStreams.complain(
                "\(row.engine) \(row.writePath) \(row.workload) fell behind: \(row.operationsPerSecond.tenths)/s")
        }
        if let html {
            try FileCalls.write(
                BenchPage(results, notes: notes, isPaced: rate != nil).html, to: html, operation: "write the page")
        }
    }

    private var notes: [String] {
        var system = utsname()
        uname(&system)
        let release = withUnsafeBytes(of: system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let cores = ProcessInfo.processInfo.activeProcessorCount
        return [
            "\(cores) cores, Linux \(release), \(Date.now.formatted(.iso8601))",
            "rotor " + CommandLine.arguments.dropFirst().joined(separator: " "),
        ]
    }

    /// At a signal engines may still make files while theirs are removed, so once more where some were left.
    private static func remove(_ path: String) {
        for _ in 0..<3 {
            do throws(EngineError) {
                return try FileCalls.removeTree(path, operation: "remove \(path)")
            } catch {
                if !FileCalls.isDirectory(path) { return }
            }
        }
        StandardStreams.complain("could not remove \(path)")
    }
}

/// Sizes with commas between them: `100,1KiB`.
struct SizeList: ExpressibleByArgument {
    let sizes: [Int]

    init?(argument: String) {
        let texts = argument.split(separator: ",", omittingEmptySubsequences: false)
        sizes = texts.compactMap { ByteCount(parsing: String($0))?.bytes }
        guard sizes.count == texts.count else { return nil }
    }
}
