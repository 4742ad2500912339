import NIOCore

@testable import Versions

/// One node's record of one key, with what the node keeps to mint: a store in miniature.
struct Replica {
    var source: ActorSource
    var record: VersionedObject?
    var mark: MintMark?
    /// What the node's wall clock shows, in milliseconds.
    var wall: UInt64 = 1_700_000_000_000

    init(node: UInt64, incarnation: UInt64 = 1) {
        source = Self.source(node: node, incarnation: incarnation, firstBirth: 0)
    }

    static func source(node: UInt64, incarnation: UInt64, firstBirth: UInt64) -> ActorSource {
        var source = ActorSource(node: node, incarnation: incarnation, birthCeiling: firstBirth, birthFloor: 0)
        source.reserved(firstBirth + 1_000_000)
        return source
    }

    @discardableResult
    mutating func put(
        _ value: String, context: Context?, policy: ConflictPolicy = .siblings, truncation: Truncation? = nil
    ) throws -> Minted {
        let mint = Mint(
            content: Content(value: ByteBuffer(string: value)), context: context,
            now: HybridTime(milliseconds: wall), policy: policy, truncation: truncation)
        let minted = try mint.minted(onto: record, actor: actor(for: context))
        record = minted.object
        mark = minted.mark
        return minted
    }

    mutating func actor(for context: Context?) throws -> Actor {
        guard let actor = source.actor(onto: record, mark: mark, context: context) else { throw OutOfBirths() }
        return actor
    }

    mutating func merge(_ object: VersionedObject, policy: ConflictPolicy = .siblings) {
        if record == nil { record = object } else { record?.merge(object, policy: policy) }
    }

    /// The record is gone: damaged, collected, or moved away with its partition.
    mutating func loseRecord() {
        record = nil
        mark = nil
    }

    /// Comes up again as a new incarnation, as after an unclean stop or where peers know a later start.
    mutating func startNewIncarnation() {
        source = Self.source(
            node: source.node, incarnation: source.incarnation + 1, firstBirth: source.birthCeiling)
    }
}

struct OutOfBirths: Error {}

extension VersionedObject {
    var values: [String] { siblings.map(\.value) }
}

extension Sibling {
    var value: String { String(buffer: content.value) }
}

extension Optional where Wrapped == VersionedObject {
    var values: [String] { self?.values.sorted() ?? [] }
}
