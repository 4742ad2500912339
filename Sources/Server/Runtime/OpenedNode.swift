import Engines
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Node
import Placement
import Storage

/// A node's folder and stores, opened, and what is made of the settings: what there is before anything runs. Blocks.
struct OpenedNode {
    struct Store {
        let name: String
        let engine: any LocalPersistenceEngine
        let writePath: WritePath
        let objects: ObjectStore
    }

    /// A start: durable from here on.
    struct Start {
        let record: NodeRecord
        let stoppedCleanly: Bool
        /// Whether the node goes on as the incarnation it was.
        let continuesIncarnation: Bool
    }

    let folder: DataFolder
    let members: [PeerAddress]
    let bucketTypes: BucketTypes
    /// The bucket types' stores, and behind them the one of hints.
    let stores: [Store]

    /// Opens all, or nothing.
    init(_ settings: RuntimeSettings, logger: Logger) throws(StartError) {
        do throws(UnknownStore) {
            bucketTypes = try BucketTypes(settings.bucketTypes, stores: settings.stores.map(\.name))
        } catch {
            throw .bucketType("\(error)")
        }
        let folder = try Self.wrap { () throws(DataFolderError) in
            try DataFolder(path: settings.dataPath, node: settings.nodeName, founding: settings.founding)
        }
        var stores: [Store] = []
        do throws(StartError) {
            members = try Self.addresses(of: folder.founding, asked: settings.founding)
            if let verification = settings.verification {
                try Self.verify(settings, in: folder, verification, logger)
            }
            for store in settings.stores {
                let trees = TreeSettings(
                    shape: TreeShape(partitions: folder.founding.partitioning.count),
                    partitions: folder.founding.partitioning.count,
                    replicas: bucketTypes.replicas(inStore: stores.count))
                stores.append(
                    try Self.open(store, .objects(trees), in: folder, by: settings.openEngine, logger: logger))
            }
            stores.append(
                try Self.open(
                    settings.hintStore, .hints(settings.hintLimits), in: folder, by: settings.openEngine,
                    logger: logger))
        } catch {
            Self.abandon(folder, stores, logger)
            throw error
        }
        self.folder = folder
        self.stores = stores
    }

    /// Takes the marker of a clean stop away and makes the next start durable: in the folder, then in every store. Only
    /// then are stores no longer suspect.
    func begin(_ logger: Logger) throws(StartError) -> Start {
        let previous = folder.record.start
        let marked = try Self.wrap { () throws(DataFolderError) in
            try folder.bindBucketTypes(bucketTypes.all)
            return try folder.consumeCleanStop()
        }
        // The marker speaks of the stores that were closed then: not of older copies, nor of empty ones in their place.
        var others: [String] = []
        for store in stores where try !Self.inStore(store.name, { try store.objects.wasClosed(by: previous) }) {
            others.append(store.name)
        }
        if marked, !others.isEmpty {
            logger.warning(
                "stores are not those that the last start closed: the node goes on as a new incarnation",
                metadata: ["stores": "\(others.joined(separator: " "))"])
        }
        let suspects = try suspects(logger)
        let stoppedCleanly = marked && others.isEmpty && suspects.isEmpty
        let record = folder.record.started(stoppedCleanly: stoppedCleanly, random: .random(in: .min ... .max))
        try Self.wrap { () throws(DataFolderError) in try folder.replaceRecord(record) }
        for store in stores { try Self.inStore(store.name) { try store.objects.use(by: record.start) } }
        try Self.wrap { () throws(DataFolderError) in try folder.completeCreation() }
        for mark in suspects { try Self.wrap { () throws(DataFolderError) in try mark.remove() } }
        return Start(
            record: record, stoppedCleanly: stoppedCleanly,
            continuesIncarnation: record.start.incarnation == previous.incarnation)
    }

    /// The marks of the stores that ended by a failed sync when they last ran.
    private func suspects(_ logger: Logger) throws(StartError) -> [SuspectMark] {
        var marks: [SuspectMark] = []
        for store in stores {
            let mark = folder.suspectMark(store.name)
            guard let reason = try Self.wrap({ () throws(DataFolderError) in try mark.read() }) else { continue }
            logger.error(
                """
                store is suspect, as its last run ended by a failed sync: the node goes on as a new incarnation. Check \
                the disk; if it lost writes, stop the node, remove the store's folder and start again: \
                anti-entropy brings its objects back from the other members
                """,
                metadata: [
                    "store": "\(store.name)", "folder": "\(folder.storePath(store.name))", "reason": "\(reason)",
                ])
            marks.append(mark)
        }
        return marks
    }

    /// Reads what may have ended the last process, or may lack what a failed sync did not write, in another process. A
    /// store that cannot be read is set aside where other members have its objects.
    private static func verify(
        _ settings: RuntimeSettings, in folder: DataFolder, _ verification: StoreVerification, _ logger: Logger
    ) throws(StartError) {
        let signal = try wrap { () throws(DataFolderError) in try folder.crashMark.read() }
        for store in settings.stores + [settings.hintStore] {
            let path = folder.storePath(store.name)
            let isSuspect = try wrap { () throws(DataFolderError) in try folder.suspectMark(store.name).read() } != nil
            guard signal != nil || isSuspect, FileCalls.exists(path) else { continue }
            // After a failed sync the system's memory passes for what is on the disk: what is read is to be the disk's.
            if isSuspect { try inStore(store.name) { try FileCalls.dropCache(of: path, operation: "verify \(path)") } }
            let metadata: Logger.Metadata = ["store": "\(store.name)", "folder": "\(path)"]
            let cause = signal.map { "signal \($0)" } ?? "a failed sync"
            logger.warning(
                "store is read in a process of its own: the last run ended by \(cause)", metadata: metadata)
            let reason: String
            switch verification.verdict(store.engine, path) {
            case .readable: continue
            case .unknown(let why):
                logger.warning("store could not be verified, and is opened all the same: \(why)", metadata: metadata)
                continue
            case .unreadable(let why): reason = why
            }
            let isOfHints = store.name == DataFolder.hints
            let replicas = settings.bucketTypes.filter { isOfHints || $0.store == store.name }.map(\.n).min() ?? 1
            guard isOfHints || min(replicas, folder.founding.founders.count) > 1 else {
                throw .store(
                    name: store.name,
                    reason: "\(reason), and no other member has all of its objects: restore \(path) from a backup, or"
                        + " move it away to begin without it")
            }
            let aside = try wrap { () throws(DataFolderError) in try folder.setAside(store.name) }
            logger.error(
                """
                damaged store set aside, the node begins with an empty one: anti-entropy brings its objects back \
                from the other members. Remove the folder when it has. Of a store of hints: what it kept for \
                members that were down is on the other replicas alone
                """,
                metadata: ["store": "\(store.name)", "set-aside": "\(aside)", "damage": "\(reason)"])
        }
        try wrap { () throws(DataFolderError) in try folder.crashMark.arm() }
    }

    /// The founding's members, at the addresses that the configuration gives now.
    private static func addresses(of founding: Founding, asked: Founding) throws(StartError) -> [PeerAddress] {
        var members: [PeerAddress] = []
        for founder in founding.founders {
            let text = asked.founders.first { $0.name == founder.name }?.address ?? founder.address
            guard let address = NetworkAddress(text) else { throw .address(member: founder.name, address: text) }
            members.append(
                PeerAddress(
                    id: MemberID.founding(cluster: founding.name, name: founder.name), name: founder.name,
                    address: address))
        }
        return members
    }

    /// Gives everything back, and removes a data folder that only this start has made; on another the next start counts
    /// as one after a crash.
    func abandon(_ logger: Logger) { Self.abandon(folder, stores, logger) }

    private static func abandon(_ folder: DataFolder, _ stores: [Store], _ logger: Logger) {
        close(stores, logger)
        do throws(DataFolderError) {
            try folder.abandon()
        } catch {
            logger.error("what the failed start has made stays behind: \(error)")
        }
    }

    private static func open(
        _ store: RuntimeSettings.Store, _ contents: ObjectStore.Contents, in folder: DataFolder,
        by openEngine: RuntimeSettings.EngineOpening,
        logger: Logger
    ) throws(StartError) -> Store {
        try inStore(store.name) {
            try StoreSwap(path: folder.storePath(store.name)).finish()
            let engine = try openEngine(store, folder.storePath(store.name))
            let lines = NIOLockedValueBox(LineLimiter(lines: 20, span: .seconds(10)))
            do {
                let consequence =
                    switch contents {
                    case .objects: "damaged record met: other replicas have the object, and anti-entropy mends it"
                    case .hints: "damaged hint met, and dropped: its holder gets from other holders what it lacks"
                    }
                let objects = try ObjectStore(engine: engine, contents: contents) { key, reason in
                    guard let addition = lines.withLockedValue({ $0.admit() }) else { return }
                    logger.error(
                        "\(consequence)\(addition)",
                        metadata: ["store": "\(store.name)", "key": "\(key)", "damage": "\(reason)"])
                }
                return Store(name: store.name, engine: engine, writePath: store.writePath, objects: objects)
            } catch {
                try? engine.close()
                throw error
            }
        }
    }

    private static func close(_ stores: [Store], _ logger: Logger) {
        for store in stores {
            do {
                _ = try store.objects.close()
            } catch {
                logger.error("store \(store.name) did not close: \(error)")
            }
        }
    }

    private static func inStore<Value>(_ name: String, _ body: () throws -> Value) throws(StartError) -> Value {
        do {
            return try body()
        } catch {
            throw .store(name: name, reason: "\(error)")
        }
    }

    private static func wrap<Value>(
        _ body: () throws(DataFolderError) -> Value
    ) throws(StartError) -> Value {
        do throws(DataFolderError) {
            return try body()
        } catch {
            throw .folder(error)
        }
    }
}
