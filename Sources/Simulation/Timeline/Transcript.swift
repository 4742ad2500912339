import NIOCore
import Node
import Placement
import Versions

/// The run's record of itself: every event and effect goes into a hash that is the same in every process and on every
/// machine, and into readable lines where somebody wants to read them.
struct Transcript {
    /// FNV-1a over words, with a shift so that high bits reach low ones.
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var lines: [String] = []
    let isReadable: Bool

    init(isReadable: Bool) {
        self.isReadable = isReadable
    }

    mutating func mix(_ word: UInt64) {
        hash = (hash ^ word) &* 0x0000_0100_0000_01B3
        hash ^= hash >> 29
    }

    mutating func mix(_ number: Int) {
        mix(UInt64(bitPattern: Int64(number)))
    }

    mutating func mix(_ bytes: ByteBuffer) {
        mix(bytes.readableBytes)
        bytes.withUnsafeReadableBytes { bytes in
            var index = 0
            while index + 8 <= bytes.count {
                mix(bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian)
                index += 8
            }
            while index < bytes.count {
                mix(UInt64(bytes[index]))
                index += 1
            }
        }
    }

    mutating func write(_ line: @autoclosure () -> String, at time: UInt64) {
        guard isReadable else { return }
        let microseconds = time / 1000
        let milliseconds = microseconds / 1000
        let rest = String(microseconds % 1000)
        lines.append("\(milliseconds).\(String(repeating: "0", count: 3 - rest.count))\(rest) \(line())")
    }
}

extension Transcript {
    mutating func mix(_ vector: VersionVector) {
        mix(vector.entries.count)
        for entry in vector.entries {
            mix(entry.actor.node)
            mix(entry.actor.incarnation)
            mix(entry.actor.birth)
            mix(entry.counter)
            mix(UInt64(entry.updated))
        }
    }

    mutating func mix(_ object: VersionedObject?) {
        guard let object else { return mix(0) }
        mix(object.vector)
        mix(object.siblings.count)
        for sibling in object.siblings {
            mix(sibling.dot.actor.node)
            mix(sibling.dot.actor.incarnation)
            mix(sibling.dot.actor.birth)
            mix(sibling.dot.counter)
            mix(sibling.stamp.rawValue)
            mix(sibling.isTombstone ? 1 : 0)
            mix(sibling.content.value)
            mix(sibling.content.metadata)
        }
    }

    mutating func mix(_ start: StartRecord) {
        mix(start.number)
        mix(start.session)
        mix(start.incarnation)
    }

    mutating func mix(_ reply: ClientReply) {
        switch reply {
        case .found(let found):
            mix(1)
            mix(found.object)
            mix(found.context)
        case .notFound(let context):
            mix(2)
            mix(context ?? ByteBuffer())
        case .stored(let found):
            mix(3)
            mix(found?.object)
        case .deleted: mix(4)
        case .failed(let failure):
            mix(5)
            mix(ByteBuffer(string: failure.description))
        }
    }

    mutating func mix(_ request: ClientRequest) {
        mix(request.key.canonicalBytes)
        mix(request.timeoutMilliseconds ?? -1)
        switch request {
        case .get: mix(1)
        case .put(let put):
            mix(2)
            mix(put.content.value)
            mix(put.context ?? ByteBuffer())
        case .delete(let delete):
            mix(3)
            mix(delete.context ?? ByteBuffer())
        }
    }

    mutating func mix(_ message: Message) {
        switch message {
        case .startAnnounced(let start):
            mix(1)
            mix(start)
        case .startConfirmed(let start):
            mix(2)
            mix(start)
        case .startConflict(let start):
            mix(3)
            mix(start)
        case .fetch(let fetch):
            mix(4)
            mix(fetch.correlation)
            mix(fetch.key.canonicalBytes)
            for member in fetch.standingInFor { mix(member.rawValue) }
        case .fetched(let fetched):
            mix(5)
            mix(fetched.correlation)
            switch fetched.result {
            case .success(let object): mix(object)
            case .failure(let failure): mix(ByteBuffer(string: "\(failure)"))
            }
        case .replicate(let replicate):
            mix(6)
            mix(replicate.correlation)
            mix(Int(replicate.durability.rawValue))
            mix(replicate.key.canonicalBytes)
            mix(replicate.object)
            mix(replicate.standingInFor?.rawValue ?? 0)
        case .replicated(let replicated):
            mix(7)
            mix(replicated.correlation)
            switch replicated.result {
            case .success(let durable): mix(durable ? 1 : 0)
            case .failure(let failure): mix(ByteBuffer(string: "\(failure)"))
            }
        case .forward(let forward):
            mix(8)
            mix(forward.correlation)
            mix(forward.start)
            mix(forward.sequence)
            mix(forward.receiver)
            mix(forward.request)
        case .forwarded(let forwarded):
            mix(9)
            mix(forwarded.correlation)
            mix(forwarded.reply)
        case .probe: mix(10)
        case .probed: mix(11)
        case .askTrees(let inquiry):
            mix(12)
            mix(inquiry.correlation)
            mix(ByteBuffer(string: inquiry.store))
            mix(inquiry.question)
        case .treesAnswered(let report):
            mix(13)
            mix(report.correlation)
            mix(report.answer)
        }
    }

    mutating func mix(_ question: TreeQuestion) {
        switch question {
        case .roots(let trees): for tree in trees { mix(tree) }
        case .sums(let tree, let level, let nodes):
            mix(tree)
            mix(level)
            for node in nodes { mix(Int(node)) }
        case .keys(let listing):
            mix(listing.tree)
            for word in listing.leaves.words { mix(word) }
            mix(listing.after ?? ByteBuffer())
            mix(listing.upTo ?? ByteBuffer())
        }
    }

    private mutating func mix(_ tree: TreeID) {
        mix(tree.partition)
        mix(tree.n)
    }

    mutating func mix(_ answer: TreeAnswer) {
        switch answer {
        case .roots(let roots): for root in roots { mix(root ?? 1) }
        case .sums(let sums): for sum in sums { mix(sum) }
        case .keys(let keys):
            for entry in keys.entries {
                mix(entry.key.canonicalBytes)
                mix(entry.digest)
            }
            mix(keys.last ?? ByteBuffer())
        case .unavailable: mix(2)
        case .busy: mix(3)
        }
    }
}
