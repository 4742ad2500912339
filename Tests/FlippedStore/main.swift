import Engines
import Glibc
import NIOCore
import Node
import Placement
import Storage
import Versions

// A child for the tests of damaged stores, which may end the process that reads them.
//
// `flipped-store ENGINE WRITE-PATH FOLDER write` fills a store: each object several times, so that older values lie
// about in it, some of them deleted from the engine again. `… kill` does the same and ends without closing it, so that
// a log is left. `… read` opens it, reads every object, and some that were never there, and prints how many were right,
// stale, refused as damaged, missing, and wrong.

private struct Objects {
    static let count = 300
    static let rounds = 4
    static let neverThere = 50
    static let minter = Minter(node: 7, incarnation: 3)

    static func key(_ number: Int) -> ObjectKey {
        ObjectKey(type: "default", bucket: "flipped", key: "object \(number)")
    }

    /// From some bytes to several pages. It says whose it is and which.
    static func value(_ number: Int, _ round: Int) -> String {
        "object \(number), round \(round): "
            + String(repeating: "\(number * 31 + round),", count: 1 + number * number % 700)
    }

    static func request(_ number: Int, _ operation: StorageOperation) -> StorageRequest {
        StorageRequest(
            token: StorageToken(rawValue: UInt64(number)), store: 0, partition: number % 64, key: key(number),
            operation: operation)
    }

    static func mint(_ number: Int, _ round: Int) -> StorageOperation {
        let mint = Mint(
            content: Content(value: ByteBuffer(string: value(number, round))), context: nil,
            now: HybridTime(milliseconds: 1_700_000_000_000 + UInt64(round)), policy: .lastWriteWins)
        return .mint(mint, by: minter, .beforeAnswer)
    }
}

private func write(_ store: ObjectStore) {
    for round in 0..<Objects.rounds {
        for first in stride(from: 0, to: Objects.count, by: 20) {
            let group = (first..<min(first + 20, Objects.count)).map { Objects.request($0, Objects.mint($0, round)) }
            store.perform(group) { completion in
                guard case .failed(_, let failure) = completion else { return }
                print("not written: \(failure)")
                exit(3)
            }
        }
    }
}

private func read(_ store: ObjectStore) {
    var (right, stale, refused, missing, wrong) = (0, 0, 0, 0, 0)
    for number in 0..<Objects.count + Objects.neverThere {
        let wasPut = number < Objects.count
        switch store.read(Objects.request(number, .read)) {
        case .read(_, nil): if wasPut { missing += 1 } else { right += 1 }
        case .read(_, let object?):
            let values = object.siblings.map { String(buffer: $0.content.value) }
            let round = (0..<Objects.rounds).first { values == [Objects.value(number, $0)] }
            if !wasPut || round == nil {
                wrong += 1
            } else if round == Objects.rounds - 1 {
                right += 1
            } else {
                stale += 1
            }
        case .failed: refused += 1
        default: wrong += 1
        }
    }
    print("right \(right) stale \(stale) refused \(refused) missing \(missing) wrong \(wrong)")
}

let arguments = CommandLine.arguments
guard arguments.count == 5, let kind = EngineKind(rawValue: arguments[1]),
    let writePath = WritePath(rawValue: arguments[2]), ["write", "kill", "read"].contains(arguments[4])
else {
    print("usage: flipped-store ENGINE WRITE-PATH FOLDER write|kill|read")
    exit(64)
}

do {
    let engine = try EngineFactory.open(kind, at: arguments[3], writePath: writePath, options: EngineOptions())
    let store = try ObjectStore(engine: engine) { _, _ in }
    if arguments[4] == "read" { read(store) } else { write(store) }
    if arguments[4] == "kill" { _exit(0) }
    try engine.close()
} catch {
    print("refused: \(error)")
    exit(2)
}
