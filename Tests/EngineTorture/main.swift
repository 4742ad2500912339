import Engines
import Glibc
import NIOCore

// A child for the kill tests: `engine-torture ENGINE WRITE-PATH FOLDER synced|unsynced|mixed [FILE-BYTES
// [stay|close|grow]]` writes numbered batches as fast as it can and prints each number once its commit has returned,
// with a ! behind it where all up to it are durable. It goes on until it is killed. Of `mixed` batches one in ten is
// synced.
//
// With FILE-BYTES no file may grow beyond so many bytes, as on a full disk, until the engine has refused a batch, which
// it must do with `full`, and can still be read. Then it prints `full` and gives the space back and goes on; with
// `stay` it waits for its end instead, with `close` it closes the store first. With `grow` the store only grows, beside
// a cache that is too small for it, and what ends it is the store's own file: it gives the space back, commits once
// more, prints `full` and waits for its end.
//
// `engine-torture ENGINE WRITE-PATH FOLDER synced|unsynced|mixed BATCHES end` writes so many batches, closes the store
// and ends. `engine-torture ENGINE WRITE-PATH FOLDER check ACKNOWLEDGED` opens the store, which must hold whole batches
// up to ACKNOWLEDGED or above, prints the newest one's number, writes one more and closes the store.
//
// `engine-torture ENGINE WRITE-PATH FOLDER synced BALLAST fill` is for a small file system of its own: the store grows
// until that is full and a batch is refused with `full`; what it holds is read; the file BALLAST is removed, which
// makes room; the store must then go on, and hold everything when it is closed and opened again. Prints how many
// batches there were at each of the two moments.

let arguments = CommandLine.arguments
guard (5...7).contains(arguments.count), let kind = EngineKind(rawValue: arguments[1]),
    let writePath = WritePath(rawValue: arguments[2]), ["synced", "unsynced", "mixed", "check"].contains(arguments[4])
else {
    report(
        """
        usage: engine-torture ENGINE WRITE-PATH FOLDER synced|unsynced|mixed [FILE-BYTES [stay|close|grow]]
               engine-torture ENGINE WRITE-PATH FOLDER synced|unsynced|mixed BATCHES end
               engine-torture ENGINE WRITE-PATH FOLDER check ACKNOWLEDGED
               engine-torture ENGINE WRITE-PATH FOLDER synced BALLAST fill

        """,
        to: STDERR_FILENO)
    exit(64)
}

func durability(of number: Int) -> Durability {
    arguments[4] == "synced" || (arguments[4] == "mixed" && number % 10 == 0) ? .synced : .unsynced
}

do {
    var options = EngineOptions()
    if arguments.last == "grow" { options.cacheBytes = 4 << 20 }
    options.writePath = TortureBatch.writePathOptions
    let engine = try EngineFactory.open(kind, at: arguments[3], writePath: writePath, options: options)
    if arguments[4] == "check", arguments.count == 6, let acknowledged = Int(arguments[5]) {
        let newest = try TortureBatch.check(engine, acknowledged: acknowledged)
        try engine.commit(TortureBatch.batch(newest + 1), durability: .synced)
        _ = try TortureBatch.check(engine, acknowledged: newest + 1)
        try engine.close()
        report("\(newest)\n", to: STDOUT_FILENO)
        exit(0)
    }
    if arguments.last == "fill", arguments.count == 7 {
        try fill(engine, ballast: arguments[5]) { () throws(EngineError) in
            try EngineFactory.open(kind, at: arguments[3], writePath: writePath, options: options)
        }
        exit(0)
    }
    if arguments.last == "end", let batches = Int(arguments[5]) {
        if let refusal = try write(batches, to: engine) { throw refusal }
        try engine.close()
        exit(0)
    }
    if arguments.count > 5, let bytes = rlim_t(arguments[5]) {
        limitFiles(to: bytes)
        if arguments.last == "grow" { try grow(engine) }
        guard try write(.max, to: engine)?.code == .full else { exit(6) }
        _ = try TortureBatch.check(engine, acknowledged: 0)
        if arguments.last == "close" { try engine.close() }
        report("full\n", to: STDOUT_FILENO)
        while arguments.count == 7 { pause() }
        limitFiles(to: rlim_t.max)
    }
    if let refusal = try write(.max, to: engine) { throw refusal }
} catch {
    report("engine-torture: \(error)\n", to: STDERR_FILENO)
    exit(2)
}

/// Goes on from the newest batch there is, which must be whole. Gives back why a commit failed, if one did.
func write(_ batches: Int, to engine: any LocalPersistenceEngine) throws -> EngineError? {
    let newest = try TortureBatch.check(engine, acknowledged: 0)
    var number = newest
    while number - newest < batches {
        number += 1
        do {
            try engine.commit(TortureBatch.batch(number), durability: durability(of: number))
        } catch {
            report("refused: \(error)\n", to: STDERR_FILENO)
            return error
        }
        report("\(number)\(durability(of: number) == .synced ? "!" : "")\n", to: STDOUT_FILENO)
    }
    return nil
}

func fill(
    _ engine: any LocalPersistenceEngine, ballast: String,
    reopened: () throws(EngineError) -> any LocalPersistenceEngine
) throws {
    var number = 0
    do throws(EngineError) {
        while true {
            try engine.commit(Ballast.batch(number + 1), durability: .synced)
            number += 1
        }
    } catch {
        guard error.code == .full else { throw error }
    }
    let whenFull = number
    // Refused again, and again nothing of it is there, while what is stored is served.
    for _ in 0..<3 {
        try Ballast.check(engine, acknowledged: number)
        do throws(EngineError) {
            try engine.commit(Ballast.batch(number + 1), durability: .synced)
            // A little space may have come from what was given up.
            number += 1
        } catch {
            guard error.code == .full else { throw error }
        }
    }
    guard unlink(ballast) == 0 else { exit(4) }
    for _ in 0..<20 {
        number += 1
        try engine.commit(Ballast.batch(number), durability: .synced)
    }
    try Ballast.check(engine, acknowledged: number)
    try engine.close()
    let again = try reopened()
    try Ballast.check(again, acknowledged: number)
    try again.close()
    report("\(whenFull) \(number)\n", to: STDOUT_FILENO)
}

func grow(_ engine: any LocalPersistenceEngine) throws -> Never {
    var number = 0
    do throws(EngineError) {
        while true {
            try engine.commit(Ballast.batch(number + 1), durability: .unsynced)
            number += 1
        }
    } catch {
        report("refused: \(error)\n", to: STDERR_FILENO)
        guard error.code == .full else { exit(6) }
    }
    limitFiles(to: rlim_t.max)
    try Ballast.check(engine, acknowledged: number)
    number += 1
    try engine.commit(Ballast.batch(number), durability: .unsynced)
    report("\(number)\nfull\n", to: STDOUT_FILENO)
    while true { pause() }
}

/// Unbuffered, in one call, so that a line is there whole or not at all.
func report(_ line: String, to descriptor: Int32) {
    guard write(descriptor, line, line.utf8.count) == line.utf8.count else { exit(3) }
}

/// The soft limit only, so that it can be raised again. Writes beyond it fail with EFBIG, or are cut short.
func limitFiles(to bytes: rlim_t) {
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(1), &limit) == 0 else { exit(5) }
    limit.rlim_cur = min(bytes, limit.rlim_max)
    guard setrlimit(__rlimit_resource_t(1), &limit) == 0 else { exit(5) }
}
