import Engines
import Glibc
import NIOCore

// A child for the kill test: `engine-torture ENGINE FOLDER synced|unsynced` writes numbered batches as fast as it can
// and prints each number once its commit has returned. It goes on until it is killed.

let arguments = CommandLine.arguments
guard arguments.count == 4, let kind = EngineKind(rawValue: arguments[1]),
    ["synced", "unsynced"].contains(arguments[3])
else {
    report("usage: engine-torture ENGINE FOLDER synced|unsynced\n", to: STDERR_FILENO)
    exit(64)
}

do {
    let engine = try EngineFactory.open(kind, at: arguments[2])
    var number = try TortureBatch.newest(in: engine)
    while true {
        number += 1
        try engine.commit(TortureBatch.batch(number), durability: arguments[3] == "synced" ? .synced : .unsynced)
        report("\(number)\n", to: STDOUT_FILENO)
    }
} catch {
    report("engine-torture: \(error)\n", to: STDERR_FILENO)
    exit(2)
}

/// Unbuffered, in one call, so that a line is there whole or not at all.
func report(_ line: String, to descriptor: Int32) {
    guard write(descriptor, line, line.utf8.count) == line.utf8.count else { exit(3) }
}
