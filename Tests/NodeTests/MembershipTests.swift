import NIOCore
import Placement
import Testing

@testable import Node

/// What members know of each other, and what it comes to: the same everywhere, in whatever order it came (Dynamo §4.8).
@Suite struct MembershipTests {
    private let ada = MemberID(rawValue: 1)
    private let ben = MemberID(rawValue: 2)
    private let cleo = MemberID(rawValue: 3)
    private let dora = MemberID(rawValue: 4)

    private func founders() throws -> [Member] {
        try [ada, ben, cleo].map { try Member(id: $0, name: "\($0)", zone: "z\($0.rawValue)") }
    }

    private func change(_ stamp: UInt64, _ act: MembershipChange.Act, at place: UInt64 = 1) -> MembershipChange {
        MembershipChange(id: MembershipChange.ID(stamp: stamp, place: MemberID(rawValue: place)), act: act)
    }

    private func record(_ member: MemberID, stores: [String] = ["main"]) -> MemberRecord {
        MemberRecord(
            member: member, name: "\(member)", start: 1, incarnation: 1 << 32, address: "127.0.0.1:1", stores: stores)
    }

    private func view(
        _ changes: [MembershipChange], records: [MemberRecord] = []
    ) throws -> MembershipView {
        MembershipView(
            founders: try founders(), changes: changes,
            records: Dictionary(uniqueKeysWithValues: records.map { ($0.member, $0) }), stores: ["main"])
    }

    private var join: MembershipChange { change(10, .join(dora, name: "dora", zone: "z4", weight: 1)) }

    @Test("an act takes effect with its commit, and not before")
    func staged() throws {
        #expect(try view([join]).members.map(\.id) == [ada, ben, cleo])
        #expect(try view([join]).staged == [join])
        let committed = try view([join, change(20, .commit([join.id]))])
        #expect(committed.members.map(\.id) == [ada, ben, cleo, dora])
        #expect(committed.staged.isEmpty)
    }

    @Test("a joining member is wished nowhere until it says that it has every store")
    func fit() throws {
        let changes = [join, change(20, .commit([join.id]))]
        #expect(try view(changes).members[3].status == .joining)
        #expect(try view(changes, records: [record(dora, stores: ["other"])]).members[3].status == .joining)
        #expect(try view(changes, records: [record(dora, stores: ["main", "other"])]).members[3].status == .valid)
    }

    @Test("weights and zones are as the latest committed act says")
    func latest() throws {
        let first = change(10, .weight(ada, 2))
        let second = change(11, .weight(ada, 3), at: 2)
        let zone = change(12, .zone(ada, "elsewhere"))
        let uncommitted = change(13, .weight(ada, 9))
        let view = try view([second, uncommitted, zone, first, change(20, .commit([first.id, second.id, zone.id]))])
        #expect(view.members[0].weight == 3)
        #expect(view.members[0].zone == "elsewhere")
    }

    @Test("an abort before the commit drops an act; after it, it undoes what has not happened")
    func aborted() throws {
        let leave = change(10, .leave(ben))
        #expect(
            try view([leave, change(11, .abort([leave.id])), change(12, .commit([leave.id]))]).members[1].status
                == .valid)
        let committed = [leave, change(11, .commit([leave.id]))]
        #expect(try view(committed).members[1].status == .leaving)
        #expect(try view(committed + [change(12, .abort([leave.id]))]).members[1].status == .valid)
        // A member that had begun to join passes on what it has got.
        let undone = [join, change(20, .commit([join.id])), change(21, .abort([join.id]))]
        #expect(try view(undone, records: [record(dora)]).members[3].status == .leaving)
    }

    @Test("a member that has left, or was removed or replaced, does not come back, whatever is said of it later")
    func gone() throws {
        let leave = change(10, .leave(ben))
        let left = [leave, change(11, .commit([leave.id])), change(12, .left(ben))]
        #expect(try view(left).members.map(\.id) == [ada, cleo])
        // Nobody leaves without having been asked to.
        #expect(try view([change(12, .left(ben))]).members.count == 3)
        let remove = change(10, .remove(ben))
        let rejoin = change(30, .join(ben, name: "ben", zone: "z", weight: 1))
        let again = [
            remove, change(11, .commit([remove.id])), change(12, .abort([remove.id])), rejoin,
            change(31, .commit([rejoin.id])),
        ]
        let view = try view(again, records: [record(ben)])
        #expect(view.members.map(\.id) == [ada, cleo] && view.removed == [ben])
        let replace = change(40, .replace(ada, by: dora))
        let replaced = try self.view([join, replace, change(41, .commit([join.id, replace.id]))])
        #expect(replaced.members.map(\.id) == [ben, cleo, dora])
        #expect(replaced.replacements == [MembershipView.Replacement(member: ada, by: dora)])
    }

    // MARK: Gossip

    private func items() -> [GossipItem] {
        var items: [GossipItem] = []
        for member in 1...40 {
            for start in 1...3 {
                var record = record(MemberID(rawValue: UInt64(member)))
                record.start = UInt64(start)
                items.append(.member(record))
            }
            let leave = change(UInt64(member), .leave(MemberID(rawValue: UInt64(member))), at: UInt64(member % 7))
            items.append(.change(leave))
            items.append(.change(change(UInt64(100 + member), .commit([leave.id]))))
        }
        return items
    }

    /// What two books say to each other until nothing is left to say; the number of messages.
    private func converse(_ one: inout GossipBook, _ other: inout GossipBook) throws -> Int {
        var messages = 1
        var gossip: Gossip? = one.opening
        while let said = gossip {
            let heard = try Gossip(decoding: said.encoded())
            #expect(heard == said)
            gossip = messages % 2 == 1 ? other.onGossip(heard).answer : one.onGossip(heard).answer
            if gossip != nil { messages += 1 }
        }
        return messages
    }

    @Test("books that have taken in the same items are the same, in whatever order these came")
    func orderFree() {
        var first = GossipBook()
        var second = GossipBook()
        for item in items() { first.take(item) }
        for item in items().reversed() { second.take(item) }
        #expect(first.root == second.root && first.items == second.items)
        #expect(first.count == 120)
        for item in items() where first.take(item) { Issue.record("\(item) was taken twice") }
    }

    @Test("two that know the same say one number; two that do not know the same after five messages")
    func reconciled() throws {
        var first = GossipBook()
        var second = GossipBook()
        for (index, item) in items().enumerated() {
            if index % 3 != 0 { first.take(item) }
            if index % 3 != 1 { second.take(item) }
        }
        #expect(try converse(&first, &second) == 5)
        #expect(first.items == second.items && first.root == second.root)
        #expect(try converse(&first, &second) == 1)
    }

    @Test("one that knows much and one that knows nothing agree after some rounds, a bounded message at a time")
    func bounded() throws {
        var first = GossipBook()
        var second = GossipBook()
        for number in 0..<1000 { first.take(.change(change(UInt64(number), .leave(ada)))) }
        var rounds = 0
        while first.root != second.root, rounds < 10 {
            _ = try converse(&first, &second)
            rounds += 1
        }
        #expect(rounds == 4)
    }

    @Test("a later start of a member is kept over an earlier one, and one on an empty disk over one before it")
    func laterStart() {
        var book = GossipBook()
        var record = record(ada)
        record.start = 9
        book.take(.member(record))
        record.start = 8
        let takesEarlier = book.take(.member(record))
        #expect(!takesEarlier)
        record.incarnation = 2 << 32
        record.start = 1
        let takesNewLife = book.take(.member(record))
        #expect(takesNewLife)
        #expect(book[GossipItem.member(record).key] == .member(record))
    }

    @Test("every item comes back from its bytes, and no other bytes are taken")
    func encoding() throws {
        let acts: [MembershipChange.Act] = [
            .join(ada, name: "ä", zone: "", weight: 0.5), .leave(ada), .remove(ada), .replace(ada, by: ben),
            .weight(ada, 3), .zone(ada, "z"), .commit([change(1, .leave(ada)).id]), .abort([]), .left(ben),
        ]
        let items = acts.map { GossipItem.change(change(7, $0)) } + [.member(record(ada, stores: ["b", "a"]))]
        for item in items {
            let bytes = item.encoded()
            #expect(try GossipItem(decoding: bytes) == item)
            for length in 0..<bytes.readableBytes {
                let cut = try #require(bytes.getSlice(at: bytes.readerIndex, length: length))
                #expect(throws: GossipItemDamaged.self) { try GossipItem(decoding: cut) }
            }
            var longer = bytes
            longer.writeInteger(UInt8(0))
            #expect(throws: GossipItemDamaged.self) { try GossipItem(decoding: longer) }
        }
    }
}
