import Engines
import NIOConcurrencyHelpers
import NIOCore
public import Node
import Placement
import Versions

/// Merkle trees: what this node compares with the other holders of a partition (Dynamo §4.7).
extension ObjectStore {
    /// Answers a question about the trees. From any thread.
    public func answer(_ question: TreeQuestion) -> TreeAnswer {
        guard let trees, let shape = treeSettings?.shape else { return .unavailable }
        switch question {
        case .roots(let ids): return .roots(trees.withLockedValue { book in ids.map { book.root($0) } })
        case .sums(let id, let level, let nodes):
            // A peer asks: anything may be in it.
            guard shape.allows(nodes, at: level), let tree = trees.withLockedValue({ $0.tree(id) }) else {
                return .unavailable
            }
            return .sums(tree.sums(shape, level: level, nodes: nodes))
        case .keys(let listing): return keys(listing)
        }
    }

    private func keys(_ listing: TreeListing) -> TreeAnswer {
        guard let settings = treeSettings, isInPartition(listing) else { return .unavailable }
        var page = TreeKeys(entries: [], last: nil)
        var passed = 0
        var bytesPassed = 0
        var end: ByteBuffer?
        do {
            try engine.scan(range(listing.tree.partition, after: listing.after, upTo: listing.upTo)) { bytes, value in
                // Behind the last that the page takes in.
                guard end == nil else {
                    page.last = end
                    return .stop
                }
                passed += 1
                bytesPassed += value.count
                let recordKey = ByteBuffer(bytes: bytes)
                if passed >= TreeListing.maximumKeysPassed || bytesPassed >= TreePage.maximumBytes { end = recordKey }
                guard listing.leaves.contains(TreePlace(recordKey).leaf(of: settings.shape.leafCount)),
                    let (key, _) = RecordKey.object(in: recordKey), settings.replicas[key.type] == listing.tree.n,
                    // What cannot be read is not there, as for the trees.
                    let record = try? Record(decoding: ByteBuffer(bytes: value), under: recordKey)
                else { return .proceed }
                page.entries.append(TreeKeys.Entry(key: key, digest: record.object.digest))
                if page.entries.count >= TreeListing.maximumKeys { end = recordKey }
                return .proceed
            }
        } catch {
            return .unavailable
        }
        return .keys(page)
    }

    private func isInPartition(_ listing: TreeListing) -> Bool {
        let partition = RecordKey.objects(of: listing.tree.partition)
        return [listing.after, listing.upTo].allSatisfy { $0.map(partition.contains) ?? true }
    }

    private func range(_ partition: Int, after: ByteBuffer?, upTo: ByteBuffer?) -> KeyRange {
        var range = RecordKey.objects(of: partition)
        if let after { range.lowerBound = after.successor }
        if let upTo { range.upperBound = upTo.successor }
        return range
    }

    /// Partitions that have no trees, or trees that may be wrong.
    public var treesDue: Int { trees?.withLockedValue { $0.due } ?? 0 }

    /// Trees that are not what the store's records make them; those that are known to be wrong are left out. For
    /// checks: reads everything, and no write may be under way.
    package func wrongTrees() throws -> [TreeID] {
        guard let book = trees?.withLockedValue({ $0 }) else { return [] }
        var right = TreeBook(book.settings)
        while var page = right.beginPage() {
            try fill(&page) { _, _ in }
            right.finish(page)
        }
        return book.settled.filter { book.tree($0) != right.tree($0) }
    }

    // MARK: Building

    /// Reads some of what the trees lack; nil where they lack nothing. From any thread but the writer's, which then
    /// takes the page in: ``take(_:)``.
    ///
    /// - Parameter rereading: A partition whose trees are to be built anew.
    /// - Throws: Where the partition's records cannot be read. The next page is another partition's, or a smaller one.
    public func readTreePage(rereading: Int? = nil) throws -> TreePage? {
        guard let trees else { return nil }
        // Before the engine is read: what is written from now on is remembered.
        let begun = trees.withLockedValue { book in
            if let rereading { book.reread(rereading) }
            return book.beginPage()
        }
        guard var page = begun else { return nil }
        do {
            try fill(&page) { met($0, $1) }
        } catch let error as EngineError where error.code == .expired {
            trees.withLockedValue { $0.abandonPage(wasTooLarge: true) }
            throw error
        } catch {
            trees.withLockedValue { $0.postpone() }
            countFailedTreePage()
            throw error
        }
        return page
    }

    private func fill(_ page: inout TreePage, _ onDamage: (RecordDamaged, ObjectKey) -> Void) throws {
        var passed = 0
        var bytesPassed = 0
        var read = page
        try engine.scan(range(page.partition, after: page.after, upTo: nil)) { bytes, value in
            guard passed < page.recordLimit, bytesPassed < TreePage.maximumBytes else {
                read.isLast = false
                return .stop
            }
            passed += 1
            bytesPassed += value.count
            let recordKey = ByteBuffer(bytes: bytes)
            read.last = recordKey
            guard let (key, _) = RecordKey.object(in: recordKey) else { return .proceed }
            do throws(RecordDamaged) {
                let record = try Record(decoding: ByteBuffer(bytes: value), under: recordKey)
                read.entries.append(
                    TreePage.Entry(recordKey: recordKey, type: key.type, digest: record.object.digest))
            } catch {
                onDamage(error, key)
                read.unreadable.append(recordKey)
            }
            return .proceed
        }
        page = read
    }

    /// Takes a page in. The writer's alone, between its groups. Returns whether there is no more to do.
    @discardableResult
    public func take(_ page: TreePage) -> Bool {
        guard let trees else { return true }
        return trees.withLockedValue { book in
            book.finish(page)
            return !book.hasMore
        }
    }

    /// The page that was read last is not taken in: it is read again.
    public func abandonTreePage() {
        trees?.withLockedValue { $0.abandonPage(wasTooLarge: false) }
    }

    func met(damageOf recordKey: ByteBuffer) {
        guard let (_, partition) = RecordKey.object(in: recordKey) else { return }
        trees?.withLockedValue { $0.onDamage(recordKey, partition: partition) }
    }
}

extension ByteBuffer {
    /// The least key behind this one.
    fileprivate var successor: ByteBuffer {
        var next = self
        next.writeInteger(UInt8(0))
        return next
    }
}

extension KeyRange {
    fileprivate func contains(_ key: ByteBuffer) -> Bool {
        KeyOrder.compare(lowerBound, key) <= 0 && upperBound.map { KeyOrder.compare(key, $0) < 0 } ?? true
    }
}
