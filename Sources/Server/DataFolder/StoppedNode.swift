public import Engines

/// The stores of a node that does not run, for tools. Its data folder is locked as long as this lives.
public final class StoppedNode {
    public struct Store: Sendable, Equatable {
        public let name: String
        public let engine: EngineKind
        public let path: String
    }

    public let path: String
    public let stores: [Store]
    private let lock: FolderLock

    /// - Throws: ``DataFolderError``: the node runs, or there is none in this folder.
    public init(dataPath path: String) throws(DataFolderError) {
        self.path = path
        let operation = "look at data folder \(path)"
        guard FileCalls.exists(path + "/FORMAT") else {
            throw .foreign(path: path, detail: "no node's data: it has no file FORMAT; name the folder with --data")
        }
        lock = try DataFolder.lock(path)
        _ = try DataFolder.isComplete(path, operation: operation)
        stores = try DataFolderError.wrap { () throws(EngineError) in
            let folder = path + "/stores"
            var stores: [Store] = []
            for name in try FileCalls.names(in: folder, operation: operation) {
                // What a swap has left behind.
                let own = name.prefix { $0 != "~" }
                try StoreSwap(path: "\(folder)/\(own)").finish()
            }
            for name in try FileCalls.names(in: folder, operation: operation) {
                guard !name.contains("~"), let engine = try EngineFolder.engine(at: "\(folder)/\(name)") else {
                    continue
                }
                stores.append(Store(name: name, engine: engine, path: "\(folder)/\(name)"))
                // What ended by a failed sync is read from the disk, not from what the system remembers.
                if FileCalls.exists(SuspectMark(of: name, in: path).path) {
                    try FileCalls.dropCache(of: "\(folder)/\(name)", operation: operation)
                }
            }
            return stores
        }
    }

    /// Calls `body` with the store's engine. What a log holds is brought into it first.
    public func withEngine<Result>(
        of store: Store, _ body: (any LocalPersistenceEngine) throws -> Result
    ) throws -> Result {
        let engine = try EngineFactory.open(store.engine, at: store.path)
        let result: Result
        do {
            result = try body(engine)
        } catch {
            try? engine.close()
            throw error
        }
        try engine.close()
        return result
    }

    /// Writes the whole store anew, to the engine given, reads it again, and puts it in the place of the old one.
    ///
    /// - Returns: Records, and the bytes on disk before and after.
    /// - Throws: ``RewriteFailure`` where the copy is not what was copied; nothing has been changed then.
    public func rewrite(
        _ store: Store, as engine: EngineKind, copied: (Int) -> Void, verified: (Int) -> Void
    ) throws -> (figures: EngineCopy.Figures, before: Int, after: Int) {
        let swap = StoreSwap(path: store.path)
        let result = try withEngine(of: store) { source in
            let target = try EngineFactory.open(engine, at: swap.newPath)
            do {
                let figures = try EngineCopy.copy(source, to: target, progress: copied)
                let again = try EngineCopy.figures(of: target, progress: verified)
                guard figures == again else { throw RewriteFailure(expected: figures, found: again) }
                let sizes = (try source.statistics().diskBytes, try target.statistics().diskBytes)
                try target.close()
                return (figures, sizes.0, sizes.1)
            } catch {
                try? target.close()
                try? swap.finish()
                throw error
            }
        }
        try swap.carryOut()
        return result
    }

    public func release() { lock.release() }
}

/// A copy of a store reads otherwise than what was copied.
public struct RewriteFailure: Error, Sendable, CustomStringConvertible {
    public var expected: EngineCopy.Figures
    public var found: EngineCopy.Figures

    public var description: String {
        "the copy holds \(found.records) records of \(found.bytes) bytes, copied were \(expected.records) of"
            + " \(expected.bytes): the disk or the memory is at fault; the store was left as it was"
    }
}
