import Node
import Versions

/// Holds one key's end against what its clients were told, and against nothing else: the requests and answers, the
/// values that came with them, which machine lost what when, and the value that is there at the end. It knows of no
/// vector, no dot and no store.
///
/// A write counts as *kept* if its value is there at the end, or a write that had seen it is kept, or a delete may have
/// removed it. It may be lost only if as many replicas lost something after it began as it was acknowledged by.
struct ClientHistory {
    private let operations: [Operation]
    private let key: ClusterLayout.Key
    private let layout: ClusterLayout
    private let losses: [KeyLedger.Loss]
    /// Write to those that had seen it.
    private var successors: [Int: [Int]] = [:]

    init(_ operations: [Operation], of key: ClusterLayout.Key, _ layout: ClusterLayout, losses: [KeyLedger.Loss]) {
        self.operations = operations
        self.key = key
        self.layout = layout
        self.losses = losses
        for (index, operation) in operations.enumerated() where operation.kind != .get {
            guard operation.context != nil else { continue }
            for write in operation.seenWrites { successors[write, default: []].append(index) }
        }
    }

    /// What does not hold; nil where all does.
    func complaint(about end: VersionedObject?) -> String? {
        let values = (end?.siblings ?? []).filter { !$0.isTombstone }.compactMap {
            ApplicationValue.write($0.content.value)
        }
        for value in values {
            guard let put = operations.first(where: { $0.number == value && $0.kind == .put }) else {
                return "the value of #\(value) is there, which nobody put"
            }
            if case .refused = put.outcome { return "#\(value) was refused, and its value is there" }
        }
        // Last-write-wins drops concurrent writes by design.
        guard layout.types[key.type].policy == .siblings else { return nil }
        return complaintAboutLosses(values) ?? complaintAboutReturns(values)
    }

    /// A write that was acknowledged and is neither there nor superseded.
    private func complaintAboutLosses(_ values: [Int]) -> String? {
        var kept = Set(values)
        var work = values
        // From what is there back to what it had seen, and what that had seen.
        while let number = work.popLast() {
            guard let operation = operations.first(where: { $0.number == number }), operation.context != nil else {
                continue
            }
            for write in operation.seenWrites where kept.insert(write).inserted { work.append(write) }
        }
        for operation in operations where operation.kind == .delete {
            if case .refused = operation.outcome { continue }
            guard operation.context != nil else { continue }
            work = operation.seenWrites.filter { kept.insert($0).inserted }
            while let number = work.popLast() {
                guard let seen = operations.first(where: { $0.number == number }), seen.context != nil else { continue }
                for write in seen.seenWrites where kept.insert(write).inserted { work.append(write) }
            }
        }
        for put in operations where put.kind == .put && put.outcome == .done && !kept.contains(put.number) {
            // A delete that read first may have seen it, or what had seen it.
            let mayBeDeleted = operations.contains { delete in
                guard delete.kind == .delete, delete.context == nil else { return false }
                switch delete.outcome {
                case .refused: return false
                // It may be done long after its client was told that nobody knows.
                case .open, .unknown: return true
                case .found, .notFound, .done: return (delete.answered ?? .max) >= put.invoked
                }
            }
            if !mayBeDeleted, !mayBeLost(put) {
                return "#\(put.number) was acknowledged, and is neither there nor superseded"
            }
        }
        return nil
    }

    /// A value that is there though somebody who had seen it was told that his write stands.
    private func complaintAboutReturns(_ values: [Int]) -> String? {
        for value in values {
            for index in successors[value] ?? [] where operations[index].outcome == .done {
                if !mayBeLost(operations[index]) {
                    return "#\(value) is there, though #\(operations[index].number) had superseded it"
                }
            }
        }
        return nil
    }

    /// Whether everybody who must have had a write lost something since.
    private func mayBeLost(_ operation: Operation) -> Bool {
        let type = layout.types[key.type]
        let held = max(
            1, layout.promised(operation.w, default: type.w, of: key),
            layout.promised(operation.pw, default: type.pw, of: key))
        let durable = layout.promised(operation.dw, default: type.dw, of: key)
        let since = losses.filter { $0.time >= operation.invoked }
        // Holders that lost what they had, and stand-ins that lost what they kept.
        let replicas = key.holders + Array(layout.members.count..<2 * layout.members.count)
        let losers = replicas.filter { place in since.contains { $0.place == place } }
        let diskLosers = replicas.filter { place in since.contains { $0.place == place && $0.includesSynced } }
        return losers.count >= held && diskLosers.count >= durable
    }
}
