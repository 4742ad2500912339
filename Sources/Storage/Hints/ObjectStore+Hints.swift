import Engines
import NIOCore
public import Node
import Placement
import Versions

/// Hints: what this node keeps, as a stand-in, for holders that could not be reached (Dynamo §4.6).
extension ObjectStore {
    /// Answers a ``HintScan``. From any thread.
    public func scan(_ scan: HintScan) -> StorageCompletion {
        var places: [(order: UInt64, key: ByteBuffer)] = []
        do {
            try engine.scan(RecordKey.hintOrders(for: scan.member, after: scan.after)) { key, value in
                if let order = RecordKey.hintOrder(in: ByteBuffer(bytes: key))?.order {
                    places.append((order, ByteBuffer(bytes: value)))
                }
                return places.count < scan.maximumHints ? .proceed : .stop
            }
        } catch let error as EngineError {
            return .failed(scan.token, StorageFailure(error))
        } catch {
            return .failed(scan.token, .failed("\(error)"))
        }
        var page = HintPage(hints: [], last: nil)
        var bytes = 0
        for place in places {
            guard bytes < scan.maximumBytes else { break }
            page.last = place.order
            guard let (key, partition, _) = RecordKey.hint(in: place.key) else { continue }
            var hint = HintPage.Hint(key: key, partition: partition, order: place.order, object: nil)
            switch load(key, place.key) {
            case .success(let record):
                // Of a hint whose record was damaged and then made anew, the old place is left.
                if let record, record.order == place.order { hint.object = record.object }
            case .failure(.damaged): break
            case .failure(let failure): return .failed(scan.token, failure)
            }
            bytes += hint.object?.siblings.reduce(0) { $0 + $1.content.value.readableBytes } ?? 0
            page.hints.append(hint)
        }
        return .hints(scan.token, page)
    }

    /// Everything kept of the key for any of `members`, merged.
    func readHints(_ request: StorageRequest, for members: [MemberID], _ policy: ConflictPolicy) -> StorageCompletion {
        var merged: VersionedObject?
        var failure: StorageFailure?
        for member in members {
            switch load(request.key, RecordKey.hint(request.key, partition: request.partition, for: member)) {
            case .success(nil): break
            case .success(let record?):
                if merged == nil {
                    merged = record.object
                } else {
                    _ = merged?.merge(record.object, policy: policy)
                }
            case .failure(let found): failure = found
            }
        }
        if let failure { return .failed(request.token, failure) }
        return .read(request.token, merged)
    }

    // MARK: Writing

    /// A hint keeps its place in the order of delivery when another version joins it.
    func putHint(
        _ record: Record, over stored: Record?, for member: MemberID, _ recordKey: ByteBuffer,
        _ group: inout WriteGroup
    ) throws(StorageFailure) {
        guard var book = hints else { return }
        var record = record
        record.order = stored?.order
        guard let stored, stored.order != nil else {
            if let limit = book.limit(isNew: true) { throw .hintsFull(limit: limit) }
            let order = book.takeOrder()
            record.order = order
            // A damaged one, which this replaces, was counted.
            let damaged = group.pending(under: recordKey) == nil ? length(of: recordKey) : nil
            let bytes = try group.put(record, under: recordKey) - (damaged ?? 0)
            group.putHintOrder(order, for: member, of: recordKey)
            note(HintChange(hints: damaged == nil ? 1 : 0, bytes: bytes), &book, &group)
            return
        }
        if let limit = book.limit(isNew: false) { throw .hintsFull(limit: limit) }
        let old = stored.encoded(under: recordKey).readableBytes
        let new = try group.put(record, under: recordKey)
        note(HintChange(hints: 0, bytes: new - old), &book, &group)
    }

    /// The present holder has what was delivered, durably. What has joined the hint since stays, and is delivered too.
    func dropHint(
        _ order: UInt64, _ delivered: VersionedObject?, _ stored: Record?, _ request: StorageRequest,
        _ recordKey: ByteBuffer, _ group: inout WriteGroup
    ) throws(StorageFailure) {
        guard case .hint(let member) = request.place, var book = hints else { return }
        if let stored {
            guard stored.order == order else { return group.deleteHintOrder(order, for: member) }
            guard stored.object == delivered else { return }
            let bytes = stored.encoded(under: recordKey).readableBytes
            note(HintChange(hints: -1, bytes: -bytes), &book, &group)
        } else if group.pending(under: recordKey) == nil, let bytes = length(of: recordKey) {
            // A damaged one: it has been counted and told of when it was read.
            note(HintChange(hints: -1, bytes: -bytes), &book, &group)
        }
        group.delete(recordKey)
        group.deleteHintOrder(order, for: member)
    }

    private func note(_ change: HintChange, _ book: inout HintBook, _ group: inout WriteGroup) {
        book.take(change)
        hints = book
        group.note(change)
    }

    private func length(of recordKey: ByteBuffer) -> Int? {
        var length: Int?
        try? engine.read(recordKey) { length = $0?.count }
        return length
    }
}
