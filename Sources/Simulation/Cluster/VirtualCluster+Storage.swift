import Engines
import NIOCore
import Node
import Storage
import Versions

/// The disks' side: reads at any time, writes in groups, one after the other, with the time that they take.
extension VirtualCluster {
    /// What a store takes in; more is answered as overload.
    private var queueLimit: Int { layout.isTight ? 6 : 256 }

    func store(_ asked: StorageRequest, _ node: Int, _ process: NodeProcess) {
        let request = stampedLate(asked)
        transcript.mix(request.token.rawValue)
        checkStamp(of: request, node)
        if case .read = request.operation {
            plan(.storageRead(node, process: process.number, request), after: diskTime(node, 0...1))
            return
        }
        let store = process.stores[request.store]
        guard store.waiting.count < queueLimit else {
            let full = StorageCompletion.failed(request.token, .overloaded)
            plan(.storageDone(node, process: process.number, full), after: 1000)
            return
        }
        store.waiting.append(request)
        if store.group == nil, store.waiting.count == 1 { planGroup(node, process, request.store) }
    }

    private func checkStamp(of request: StorageRequest, _ node: Int) {
        guard case .mint(let mint, _, _) = request.operation, mint.policy == .lastWriteWins else { return }
        let wall = machines[node].timepiece.time(at: now).wall
        guard mint.now.milliseconds < wall else { return }
        ledger.object(
            .stampCurrent, "\(name(node)) stamps a write \(wall - mint.now.milliseconds) ms behind its clock",
            key: keyIndex(of: request), at: now)
    }

    private func planGroup(_ node: Int, _ process: NodeProcess, _ store: Int) {
        let delay = diskTime(node, 0...1)
        plan(.storageGroup(node, process: process.number, store: store), after: delay)
    }

    func onStorageRead(_ node: Int, _ number: Int, _ request: StorageRequest) {
        guard let process = process(number, of: node) else { return }
        let store = process.stores[request.store]
        store.engine.view = .readers
        let completion = bent(store.objects.read(request), request)
        store.engine.view = .writer
        plan(.storageDone(node, process: number, completion), after: diskTime(node, 0...1))
    }

    func scanHints(_ scan: HintScan, _ node: Int, _ process: NodeProcess) {
        transcript.mix(scan.token.rawValue)
        plan(.hintScan(node, process: process.number, scan), after: diskTime(node, 0...1))
    }

    func onHintScan(_ node: Int, _ number: Int, _ scan: HintScan) {
        guard let process = process(number, of: node) else { return }
        let store = process.stores[scan.store]
        store.engine.view = .readers
        let completion = store.objects.scan(scan)
        store.engine.view = .writer
        plan(.storageDone(node, process: number, completion), after: diskTime(node, 0...1))
    }

    func onStorageDone(_ node: Int, _ number: Int, _ completion: StorageCompletion) {
        guard process(number, of: node) != nil else { return }
        mix(completion)
        hand(.storage(completion), to: node)
    }

    /// Some of what waits, in its order, becomes one group. What it minted is told at once, the rest when the time for
    /// its commit is over: a crash in between finds versions that others have and this disk has not.
    func onStorageGroup(_ node: Int, _ number: Int, _ index: Int) {
        guard let process = process(number, of: node) else { return }
        let store = process.stores[index]
        let count = generator.chance(700) ? store.waiting.count : generator.within(1...store.waiting.count)
        let group = Array(store.waiting.prefix(count))
        store.waiting.removeFirst(count)
        store.group = group
        for request in group {
            guard let key = keyIndex(of: request) else { continue }
            ledger.onWriting(key: key, node: node, store: index)
            if case .dropHint(_, let hint?) = request.operation, case .hint(let member) = request.place,
                let holder = memberIndices[member]
            {
                ledger.onHintDropping(key: key, node: node, holder: holder, hint, at: now)
            }
        }
        var done: [StorageCompletion] = []
        var minted: [StorageCompletion] = []
        perform(group, store, of: node) { request, completion in
            if case .minted = completion {
                spy(request, completion, node)
                minted.append(completion)
            } else {
                done.append(completion)
            }
        }
        note("\(name(node)) writes \(group.count) to \(ClusterLayout.stores[index])")
        let start = diskTime(node, 0...1)
        for completion in minted { plan(.storageDone(node, process: number, completion), after: start) }
        let end = start + diskTime(node, 0...6)
        plan(.storageGroupDone(node, process: number, store: index, done), after: end)
    }

    func onStorageGroupDone(_ node: Int, _ number: Int, _ index: Int, _ completions: [StorageCompletion]) {
        guard let process = process(number, of: node) else { return }
        finishGroup(node, process, index)
        for completion in completions {
            mix(completion)
            hand(.storage(completion), to: node)
        }
        let store = process.stores[index]
        if !store.waiting.isEmpty { planGroup(node, process, index) }
        if store.engine.ended, completions.contains(where: \.hasFailed) {
            note("\(name(node)): store \(ClusterLayout.stores[index]) has ended")
        }
    }

    /// Tells the ledger what was minted.
    func spy(_ request: StorageRequest, _ completion: StorageCompletion, _ node: Int) {
        guard case .minted(_, let object) = completion, case .mint(let mint, _, _) = request.operation,
            let key = keyIndex(of: request)
        else { return }
        ledger.onMinted(mint, object, key: key, place: ledger.place(node, store: request.store), at: now)
    }

    /// The commit under way is over: its writes are what readers see.
    func finishGroup(_ node: Int, _ process: NodeProcess, _ index: Int) {
        let store = process.stores[index]
        guard let group = store.group else { return }
        store.group = nil
        store.engine.callsReturned()
        var seen: [Int] = []
        for request in group {
            guard let key = keyIndex(of: request), !seen.contains(key) else { continue }
            seen.append(key)
            ledger.onStored(key: key, node: node, store: index, copy(key, index, store, .readers), at: now)
        }
        if !store.engine.ended, !store.engine.hasUnsynced { ledger.onSynced(node: node, store: index) }
    }

    /// What a store holds of a key, for others in the store of hints; nil for nothing and for a record that cannot be
    /// read.
    func copy(_ key: Int, _ index: Int, _ store: NodeProcess.Store, _ view: EngineView) -> VersionedObject? {
        store.engine.view = view
        defer { store.engine.view = .writer }
        let policy = layout.types[layout.keys[key].type].policy
        let places: [RecordPlace] = index == ClusterLayout.hintStore ? layout.members.map { .hint(for: $0) } : [.own]
        var merged: VersionedObject?
        for place in places {
            let request = StorageRequest(
                token: StorageToken(rawValue: 0), store: index, partition: layout.keys[key].partition,
                key: layout.keys[key].key, place: place, operation: .read)
            guard case .read(_, let object?) = store.objects.read(request) else { continue }
            if merged?.merge(object, policy: policy) == nil { merged = object }
        }
        return merged
    }

    /// Whether some replica's record is damaged and none has one that can be read.
    func isBeyondRepair(_ key: Int) -> Bool {
        let store = layout.store(ofType: layout.keys[key].type)
        var isDamaged = false
        for holder in layout.keys[key].holders {
            guard let process = machines[holder].process else { continue }
            let request = StorageRequest(
                token: StorageToken(rawValue: 0), store: store, partition: layout.keys[key].partition,
                key: layout.keys[key].key, operation: .read)
            switch process.stores[store].objects.read(request) {
            case .failed: isDamaged = true
            case .read(_, nil): break
            default: return false
            }
        }
        return isDamaged
    }

    func keyIndex(of request: StorageRequest) -> Int? {
        keyIndices[request.key]
    }

    func keyIndex(ofHint record: ByteBuffer) -> Int? {
        RecordKey.hint(in: record).flatMap { keyIndices[$0.0] }
    }

    private func mix(_ completion: StorageCompletion) {
        transcript.mix(completion.token.rawValue)
        switch completion {
        case .read(_, let object): transcript.mix(object)
        case .hints(_, let page):
            transcript.mix(page.hints.count)
            for hint in page.hints { transcript.mix(hint.object) }
        case .tree(_, let answer): transcript.mix(answer)
        case .treesBuilt(_, let complete): transcript.mix(complete ? 1 : 2)
        case .minted(_, let object): transcript.mix(object)
        case .written(_, let durable): transcript.mix(durable ? 1 : 2)
        case .failed(_, let failure): transcript.mix(ByteBuffer(string: failure.description))
        }
    }
}

extension StorageCompletion {
    fileprivate var hasFailed: Bool {
        if case .failed = self { true } else { false }
    }
}
