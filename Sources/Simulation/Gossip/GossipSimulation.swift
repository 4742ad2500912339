import NIOCore
import Node
import Placement

/// Many members that gossip, and nothing else: how soon they agree, and what it costs. Round by round, for each member
/// says something to one other once a second, and answers come within it.
struct GossipSimulation {
    private(set) var books: [GossipBook]
    private var generator: SeededGenerator
    /// Of a thousand messages.
    private let lossPermille: Int
    /// Bytes and messages of the last round.
    private(set) var bytes = 0
    private(set) var messages = 0

    /// All know all members, and each others' records.
    init(members: Int, lossPermille: Int = 0, seed: UInt64) {
        var book = GossipBook()
        for number in 0..<members { book.take(.member(Self.record(number))) }
        books = Array(repeating: book, count: members)
        generator = SeededGenerator(seed: seed)
        self.lossPermille = lossPermille
    }

    static func record(_ number: Int, start: UInt64 = 1) -> MemberRecord {
        let id = MemberID.founding(cluster: "simulated", name: "member-\(number)")
        return MemberRecord(
            member: id, name: "member-\(number)", start: start, incarnation: start << 32,
            address: "10.0.\(number / 256).\(number % 256):8099", stores: ["default"])
    }

    var agree: Bool { books.allSatisfy { $0.root == books[0].root } }

    mutating func change(_ number: Int, _ item: GossipItem) {
        books[number].take(item)
    }

    mutating func round() {
        bytes = 0
        messages = 0
        for member in books.indices {
            let peer = (member + 1 + generator.below(books.count - 1)) % books.count
            converse(member, peer)
        }
    }

    private mutating func converse(_ one: Int, _ other: Int) {
        var speaker = one
        var gossip: Gossip? = books[one].opening
        while let said = gossip {
            bytes += said.encoded().readableBytes
            messages += 1
            if generator.chance(lossPermille) { return }
            speaker = speaker == one ? other : one
            gossip = books[speaker].onGossip(said).answer
        }
    }

    /// Rounds until all know the same; nil: not within `limit`.
    mutating func roundsToAgree(limit: Int) -> Int? {
        for number in 0..<limit {
            if agree { return number }
            round()
        }
        return agree ? limit : nil
    }
}
