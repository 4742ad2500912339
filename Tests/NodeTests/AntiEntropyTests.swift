import NIOCore
import Placement
import Testing
import Versions

@testable import Node

/// Anti-entropy (Dynamo §4.7) as one node does it: the test answers for its store and for the other holders.
@Suite struct AntiEntropyTests {
    private static let shape = TreeShape(levels: 2)

    private func makeNode(members: Int = 2) throws -> NodeHarness {
        try NodeHarness(members: members, n: min(members, 3), links: 0) { settings in
            settings.treeShape = Self.shape
            settings.treeRoundMilliseconds = 10_000
            settings.treeSettleMilliseconds = 1_000
            settings.treeRereadMilliseconds = 1 << 40
        }
    }

    private func inquiries(_ effects: NodeHarness.Effects) -> [(inquiry: TreeInquiry, to: MemberID)] {
        effects.sent.compactMap { if case .askTrees(let inquiry) = $0.message { ($0.to, inquiry) } else { nil } }
            .map { ($0.1, $0.0) }
    }

    private func answer(
        _ node: NodeHarness, _ inquiry: TreeInquiry?, _ answer: TreeAnswer, from peer: MemberID? = nil
    ) throws -> NodeHarness.Effects {
        let report = TreeReport(correlation: try #require(inquiry).correlation, answer: answer)
        return node.handle(.message(.treesAnswered(report), from: peer ?? node.members[1]))
    }

    private func answerOwn(
        _ node: NodeHarness, _ effects: NodeHarness.Effects, _ answer: TreeAnswer
    ) throws -> NodeHarness.Effects {
        node.handle(.storage(.tree(try #require(effects.trees.first).token, answer)))
    }

    /// Links the peer, lets the first round begin, and answers so that `different` alone differs.
    private func firstExchange(_ node: NodeHarness, different: Int = 0) throws -> TreeInquiry {
        node.link(node.members[1])
        let begun = node.pass(milliseconds: 1_000)
        let inquiry = try #require(inquiries(begun).first?.inquiry)
        guard case .roots(let trees) = inquiry.question else { throw Unexpected() }
        let mine = trees.map { UInt64($0.partition) as UInt64? }
        var theirs = mine
        theirs[different] = 99
        let asked = try answer(node, inquiry, .roots(theirs))
        return try #require(inquiries(try answerOwn(node, asked, .roots(mine))).first?.inquiry)
    }

    private struct Unexpected: Error {}

    private func sums(of inquiry: TreeInquiry?) throws -> (level: Int, nodes: [UInt32]) {
        guard case .sums(_, let level, let nodes) = try #require(inquiry).question else { throw Unexpected() }
        return (level, nodes)
    }

    /// Answers both sides' sums: they differ by `difference` in the nodes given, by their place.
    private func answerSums(
        _ node: NodeHarness, _ inquiry: TreeInquiry?, differing places: [Int], by difference: UInt64 = 5
    ) throws -> NodeHarness.Effects {
        let count = try sums(of: inquiry).nodes.count
        let mine = (0..<count).map { UInt64($0 * 1000) }
        var theirs = mine
        for place in places { theirs[place] += difference }
        return try answerOwn(node, try answer(node, inquiry, .sums(theirs)), .sums(mine))
    }

    private func leafListing(_ node: NodeHarness) throws -> TreeInquiry? {
        let top = try firstExchange(node)
        let leaves = inquiries(try answerSums(node, top, differing: [3])).first?.inquiry
        _ = try answerSums(node, leaves, differing: [2])
        let confirming = inquiries(node.pass(milliseconds: 1_000)).first?.inquiry
        return inquiries(try answerSums(node, confirming, differing: [0])).first?.inquiry
    }

    // MARK: Rounds

    @Test("each tree that two members share is compared by one of them, and each by half")
    func halves() throws {
        var asked: [TreeID] = []
        for own in 0..<2 {
            let one = MemberID(rawValue: UInt64(own + 1))
            let other = MemberID(rawValue: UInt64(2 - own))
            let trees = (0..<16).map { TreeID(partition: $0, n: 2) }.filter { TreeRound.asks(one, other, for: $0) }
            #expect(trees.count == 8)
            asked += trees
        }
        #expect(Set(asked).count == 16)
    }

    @Test("a round asks for the roots of what is shared, a second after the link is up and then every ten")
    func rounds() throws {
        let node = try makeNode()
        node.link(node.members[1])
        #expect(inquiries(node.pass(milliseconds: 990)).isEmpty)
        let first = inquiries(node.pass(milliseconds: 20))
        #expect(first.count == 1)
        guard case .roots(let trees) = try #require(first.first).inquiry.question else { throw Unexpected() }
        #expect(
            trees
                == (0..<16).map { TreeID(partition: $0, n: 2) }.filter {
                    TreeRound.asks(node.me, node.members[1], for: $0)
                })
        let roots = TreeAnswer.roots(trees.map { _ in 7 })
        let over = try answerOwn(node, try answer(node, first.first?.inquiry, roots), roots)
        #expect(over.sent.isEmpty)
        #expect(inquiries(node.pass(milliseconds: 9_000)).isEmpty)
        #expect(inquiries(node.pass(milliseconds: 1_100)).count == 1)
    }

    @Test("a tree that one of the two has not built yet is not compared", arguments: [true, false])
    func notBuilt(_ here: Bool) throws {
        let node = try makeNode()
        node.link(node.members[1])
        let inquiry = inquiries(node.pass(milliseconds: 1_000)).first?.inquiry
        guard case .roots(let trees) = try #require(inquiry).question else { throw Unexpected() }
        let none = TreeAnswer.roots(trees.map { _ in nil })
        let some = TreeAnswer.roots(trees.map { _ in 7 })
        let asked = try answer(node, inquiry, here ? some : none)
        #expect(try answerOwn(node, asked, here ? none : some).sent.isEmpty)
        #expect(node.statistics.treesDifferent == 0)
    }

    // MARK: Down a tree

    @Test("from the root down only the children of what differs are asked for")
    func descent() throws {
        let node = try makeNode()
        let top = try firstExchange(node)
        #expect(try sums(of: top) == (1, Array(0..<16)))
        let leaves = inquiries(try answerSums(node, top, differing: [3, 5])).first?.inquiry
        #expect(try sums(of: leaves).level == 2)
        #expect(try sums(of: leaves).nodes == Array(48..<64) + Array(80..<96))
    }

    @Test("leaves that differ are looked at again after a second; what has come meanwhile is let be")
    func settling() throws {
        let node = try makeNode()
        let top = try firstExchange(node)
        let leaves = inquiries(try answerSums(node, top, differing: [3])).first?.inquiry
        #expect(try answerSums(node, leaves, differing: [2, 4]).sent.isEmpty)
        #expect(inquiries(node.pass(milliseconds: 900)).isEmpty)
        let again = inquiries(node.pass(milliseconds: 100)).first?.inquiry
        #expect(try sums(of: again) == (2, [50, 52]))
        // Both are equal by now: the end of it.
        #expect(try answerSums(node, again, differing: []).sent.isEmpty)
        #expect(inquiries(node.pass(milliseconds: 8_000)).isEmpty)
    }

    @Test("a leaf whose difference changes is looked into at the third look, one whose difference stays at the first")
    func changing() throws {
        let node = try makeNode()
        let top = try firstExchange(node)
        let leaves = inquiries(try answerSums(node, top, differing: [3])).first?.inquiry
        _ = try answerSums(node, leaves, differing: [2], by: 1)
        var inquiry: TreeInquiry?
        for look in 2...3 {
            inquiry = inquiries(node.pass(milliseconds: 1_000)).first?.inquiry
            #expect(try answerSums(node, inquiry, differing: [0], by: UInt64(look)).sent.isEmpty)
        }
        inquiry = inquiries(node.pass(milliseconds: 1_000)).first?.inquiry
        let asked = inquiries(try answerSums(node, inquiry, differing: [0], by: 4)).first?.inquiry
        guard case .keys(let listing) = try #require(asked).question else { throw Unexpected() }
        #expect((0..<256).filter { listing.leaves.contains($0) } == [50])
    }

    // MARK: Keys

    private func key(_ node: NodeHarness, partition: Int, _ number: Int = 0) throws -> ObjectKey {
        var left = number
        for candidate in 0..<100_000 {
            let key = ObjectKey(type: "default", bucket: "b", key: "k\(candidate)")
            guard node.map.partition(of: key) == partition else { continue }
            if left == 0 { return key }
            left -= 1
        }
        throw Unexpected()
    }

    /// A listing that the node asks for, and keys of its partition.
    private func listed(_ node: NodeHarness, _ count: Int) throws -> (inquiry: TreeInquiry?, keys: [ObjectKey]) {
        let listing = try leafListing(node)
        guard case .keys(let asked) = try #require(listing).question else { throw Unexpected() }
        return (listing, try (0..<count).map { try key(node, partition: asked.tree.partition, $0) })
    }

    private func entries(_ keys: [(ObjectKey, UInt64)]) -> TreeAnswer {
        .keys(TreeKeys(entries: keys.map { TreeKeys.Entry(key: $0.0, digest: $0.1) }, last: nil))
    }

    @Test("a key that only the peer has is fetched and merged; one that only this node has is sent; equal ones are not")
    func bothWays() throws {
        let node = try makeNode()
        let (listing, keys) = try listed(node, 3)
        let own = try answer(node, listing, entries([(keys[0], 1), (keys[1], 1)]))
        let repairs = try answerOwn(node, own, entries([(keys[1], 1), (keys[2], 1)]))
        #expect(repairs.fetches.map(\.fetch.key) == [keys[0]])
        #expect(repairs.storage.map(\.key) == [keys[2]])
        let theirs = try NodeHarness.object("theirs")
        let fetch = try #require(repairs.fetches.first)
        let fetched = Fetched(correlation: fetch.fetch.correlation, result: .success(theirs))
        let merges = node.handle(.message(.fetched(fetched), from: fetch.to))
        guard case .merge(let merged, .siblings, _) = try #require(merges.storage.first).operation else {
            throw Unexpected()
        }
        #expect(merged == theirs && merges.sent.isEmpty)
        let mine = try NodeHarness.object("mine", birth: 4)
        let sent = node.handle(.storage(.read(repairs.storage[0].token, mine)))
        #expect(sent.replicates.map(\.replicate.object) == [mine])
        // Nothing is left to do when both have ended.
        _ = node.handle(.storage(.written(merges.storage[0].token, durable: false)))
        let replicated = Replicated(correlation: sent.replicates[0].replicate.correlation, result: .success(false))
        #expect(node.handle(.message(.replicated(replicated), from: node.members[1])).sent.isEmpty)
        #expect(node.statistics.keysPulled == 1 && node.statistics.keysPushed == 1)
    }

    @Test("of a key that differs each side gets what it lacks, and only then")
    func merged() throws {
        let node = try makeNode()
        let (listing, keys) = try listed(node, 1)
        let key = keys[0]
        let own = try answer(node, listing, entries([(key, 1)]))
        let repairs = try answerOwn(node, own, entries([(key, 2)]))
        let old = try NodeHarness.object("old")
        let mint = Mint(
            content: Content(value: ByteBuffer(string: "new")), context: old.context(fastest: nil),
            now: HybridTime(milliseconds: 1_700_000_000_100), policy: .siblings)
        let new = try mint.minted(onto: old, actor: old.siblings[0].dot.actor).object
        _ = node.handle(.storage(.read(repairs.storage[0].token, new)))
        let fetched = Fetched(correlation: repairs.fetches[0].fetch.correlation, result: .success(old))
        let writes = node.handle(.message(.fetched(fetched), from: node.members[1]))
        // This node has the later version: nothing to write here.
        #expect(writes.storage.isEmpty)
        #expect(writes.replicates.map(\.replicate.object) == [new])
    }

    @Test("a copy that cannot be read counts as none, and is replaced", arguments: [true, false])
    func damaged(_ here: Bool) throws {
        let node = try makeNode()
        let (listing, keys) = try listed(node, 1)
        let key = keys[0]
        let own = try answer(node, listing, entries([(key, 1)]))
        let repairs = try answerOwn(node, own, entries([(key, 2)]))
        let object = try NodeHarness.object("whole")
        let token = repairs.storage[0].token
        _ = node.handle(.storage(here ? .failed(token, .damaged) : .read(token, object)))
        let fetched = Fetched(
            correlation: repairs.fetches[0].fetch.correlation,
            result: here ? .success(object) : .failure(.storage(.damaged)))
        let writes = node.handle(.message(.fetched(fetched), from: node.members[1]))
        #expect(writes.storage.count == (here ? 1 : 0))
        #expect(writes.replicates.count == (here ? 0 : 1))
    }

    @Test("a page of the peer's that this node cannot match is asked for again, as far as both can say")
    func narrowed() throws {
        let node = try makeNode()
        let listing = try leafListing(node)
        let asked = try answer(node, listing, .keys(TreeKeys(entries: [], last: nil)))
        let own = TreeAnswer.keys(TreeKeys(entries: [], last: ByteBuffer(string: "here")))
        let again = inquiries(try answerOwn(node, asked, own)).first?.inquiry
        guard case .keys(let narrowed) = try #require(again).question else { throw Unexpected() }
        #expect(narrowed.after == nil && narrowed.upTo == ByteBuffer(string: "here"))
        let asked2 = try answer(node, again, .keys(TreeKeys(entries: [], last: nil)))
        let next = inquiries(try answerOwn(node, asked2, .keys(TreeKeys(entries: [], last: nil)))).first?.inquiry
        guard case .keys(let rest) = try #require(next).question else { throw Unexpected() }
        #expect(rest.after == ByteBuffer(string: "here") && rest.upTo == nil)
    }

    @Test("many differing keys are repaired twelve at a time")
    func paced() throws {
        let node = try makeNode()
        let (listing, keys) = try listed(node, 40)
        let own = try answer(node, listing, entries(keys.map { ($0, 1) }))
        var fetches = try answerOwn(node, own, entries([])).fetches
        #expect(fetches.count == 12)
        var merged = 0
        while let (fetch, peer) = fetches.first {
            fetches.removeFirst()
            let fetched = Fetched(
                correlation: fetch.correlation, result: .success(try NodeHarness.object("v", birth: UInt64(merged))))
            let merge = try #require(node.handle(.message(.fetched(fetched), from: peer)).storage.first)
            fetches += node.handle(.storage(.written(merge.token, durable: false))).fetches
            #expect(fetches.count <= 12)
            merged += 1
        }
        #expect(merged == 40 && node.statistics.keysPulled == 40)
    }

    // MARK: When things go wrong

    @Test("a peer that goes down is left alone, and compared with again when it is back")
    func peerDown() throws {
        let node = try makeNode()
        let top = try firstExchange(node)
        node.handle(.linkDown(node.members[1]))
        // The answer to what was asked before comes late.
        #expect(try answer(node, top, .sums(Array(repeating: 1, count: 16))).trees.isEmpty)
        #expect(inquiries(node.pass(milliseconds: 30_000)).isEmpty)
        node.link(node.members[1])
        #expect(inquiries(node.pass(milliseconds: 1_000)).count == 1)
    }

    @Test("an answer to an earlier question, or one that does not fit, ends nothing but its own exchange")
    func strangeAnswers() throws {
        let node = try makeNode()
        let top = try firstExchange(node)
        let leaves = inquiries(try answerSums(node, top, differing: [3])).first?.inquiry
        // Repeated by the network.
        #expect(try answer(node, top, .sums(Array(repeating: 1, count: 16))).trees.isEmpty)
        let asked = try answer(node, leaves, .sums([1]))
        #expect(try answerOwn(node, asked, .sums(Array(repeating: 1, count: 16))).sent.isEmpty)
        // The next round begins as if nothing had been.
        #expect(inquiries(node.pass(milliseconds: 10_000)).count == 1)
    }

    @Test("an exchange that nobody answers is given up, and the next round goes on", arguments: [true, false])
    func unanswered(_ peerAnswers: Bool) throws {
        let node = try makeNode()
        let top = try firstExchange(node)
        if peerAnswers { _ = try answer(node, top, .sums(Array(repeating: 1, count: 16))) }
        var asked: [TreeInquiry] = []
        for _ in 0..<25 {
            let effects = node.pass(milliseconds: 1_000)
            asked += inquiries(effects).map(\.inquiry)
            for peer in effects.probes { node.handle(.message(.probed, from: peer)) }
        }
        #expect(asked.contains { if case .roots = $0.question { true } else { false } })
    }

    /// As the harness's one bucket type has it.
    private func types(n: Int = 3) throws -> UInt64 {
        try BucketTypes([BucketType(name: "default", store: "main", n: n)], stores: ["main"]).replicasHash(inStore: 0)
    }

    // MARK: For others

    @Test("a peer's question is answered from the store that it names; of one that is not here nothing can be said")
    func answersOthers() throws {
        let node = try makeNode()
        node.link(node.members[1])
        let question = TreeQuestion.roots([TreeID(partition: 1, n: 2)])
        let inquiry = TreeInquiry(correlation: 77, store: "main", types: try types(n: 2), question: question)
        let asked = node.handle(.message(.askTrees(inquiry), from: node.members[1]))
        let request = try #require(asked.trees.first)
        let answered = node.handle(.storage(.tree(request.token, .roots([5]))))
        guard case .treesAnswered(let report) = try #require(answered.sent.first).message else { throw Unexpected() }
        #expect(report.correlation == 77 && report.answer == .roots([5]))
        let other = TreeInquiry(correlation: 78, store: "nowhere", types: try types(), question: question)
        let refused = node.handle(.message(.askTrees(other), from: node.members[1]))
        guard case .treesAnswered(let report) = try #require(refused.sent.first).message else { throw Unexpected() }
        #expect(report.answer == .unavailable && refused.trees.isEmpty)
    }

    @Test("a question that no sound peer would ask is not answered, and costs nothing")
    func unsoundQuestions() throws {
        let node = try makeNode(members: 3)
        for peer in node.members.dropFirst() { node.link(peer) }
        let tree = TreeID(partition: 1, n: 3)
        let questions: [TreeQuestion] = [
            .roots(Array(repeating: tree, count: 257)), .sums(tree, level: 3, nodes: [0]),
            .sums(tree, level: 1, nodes: Array(repeating: 0, count: 17)),
            .sums(TreeID(partition: 16, n: 3), level: 1, nodes: [0]),
            .sums(TreeID(partition: 1, n: 2), level: 1, nodes: [0]),
            .keys(TreeListing(tree: tree, leaves: LeafSet(words: [1]))),
        ]
        for question in questions {
            let inquiry = TreeInquiry(correlation: 7, store: "main", types: try types(), question: question)
            let effects = node.handle(.message(.askTrees(inquiry), from: node.members[1]))
            #expect(effects.trees.isEmpty && effects.sent.count == 1, "\(question)")
        }
        // Of a peer with other bucket types.
        let other = TreeInquiry(
            correlation: 7, store: "main", types: try types(n: 2), question: .sums(tree, level: 1, nodes: [0]))
        #expect(node.handle(.message(.askTrees(other), from: node.members[1])).trees.isEmpty)
    }

    @Test("keys that cannot be repaired do not keep those behind them from it")
    func impossibleKeys() throws {
        let node = try makeNode()
        let (listing, keys) = try listed(node, 30)
        let own = try answer(node, listing, entries(keys.map { ($0, 1) }))
        var fetches = try answerOwn(node, own, entries([])).fetches
        var merged = 0
        while let (fetch, peer) = fetches.first {
            fetches.removeFirst()
            let isLast = fetch.key == keys[29]
            let fetched = Fetched(
                correlation: fetch.correlation,
                result: isLast ? .success(try NodeHarness.object("v")) : .failure(.storage(.failed("lost"))))
            let effects = node.handle(.message(.fetched(fetched), from: peer))
            fetches += effects.fetches
            if let merge = effects.storage.first {
                merged += 1
                fetches += node.handle(.storage(.written(merge.token, durable: false))).fetches
            }
        }
        #expect(merged == 1 && node.statistics.keysPulled == 1)
    }

    @Test("a store that takes nothing in is not asked for hundreds of repairs")
    func failedRepairs() throws {
        let node = try makeNode()
        let (listing, keys) = try listed(node, 100)
        let own = try answer(node, listing, entries(keys.map { ($0, 1) }))
        var fetches = try answerOwn(node, own, entries([])).fetches
        var asks = fetches.count
        while let (fetch, peer) = fetches.first {
            fetches.removeFirst()
            let fetched = Fetched(correlation: fetch.correlation, result: .failure(.storage(.overloaded)))
            let more = node.handle(.message(.fetched(fetched), from: peer)).fetches
            fetches += more
            asks += more.count
        }
        #expect((17...30).contains(asks))
        #expect(node.statistics.treeExchangesFailed == 1)
    }

    @Test("a tree is compared with one peer at a time, whoever asks; five seconds without a word of it end that")
    func engaged() throws {
        let node = try makeNode(members: 3)
        for peer in node.members.dropFirst() { node.link(peer) }
        let tree = TreeID(partition: 1, n: 3)
        func ask(_ peer: Int) throws -> Bool {
            let inquiry = TreeInquiry(
                correlation: 77, store: "main", types: try types(), question: .sums(tree, level: 1, nodes: [0]))
            return !node.handle(.message(.askTrees(inquiry), from: node.members[peer])).trees.isEmpty
        }
        #expect(try ask(1))
        #expect(try ask(1))
        #expect(try !ask(2))
        node.milliseconds += 5_000
        #expect(try ask(2))
        #expect(try !ask(1))
    }

    @Test("trees are built page by page with as long a rest as a page took, then looked after every five seconds")
    func building() throws {
        let node = try NodeHarness(members: 1, n: 1)
        let first = try #require(node.pass(milliseconds: 0).trees.first)
        guard case .build(nil) = first.work else { throw Unexpected() }
        node.milliseconds += 30
        _ = node.handle(.storage(.treesBuilt(first.token, complete: false)))
        #expect(node.pass(milliseconds: 29).trees.isEmpty)
        let second = try #require(node.pass(milliseconds: 1).trees.first)
        _ = node.handle(.storage(.treesBuilt(second.token, complete: true)))
        #expect(node.pass(milliseconds: 4_990).trees.isEmpty)
        #expect(node.pass(milliseconds: 10).trees.count == 1)
    }

    @Test("every partition is read again in turn, all of them within the time set")
    func rereading() throws {
        let node = try NodeHarness(members: 1, n: 1) { $0.treeRereadMilliseconds = 160_000 }
        var reread: [Int] = []
        for _ in 0..<330 {
            for request in node.pass(milliseconds: 1_000).trees {
                if case .build(let partition?) = request.work { reread.append(partition) }
                _ = node.handle(.storage(.treesBuilt(request.token, complete: true)))
            }
        }
        #expect(reread.prefix(16) == ArraySlice(0..<16))
        #expect(reread.count > 20)
    }
}
