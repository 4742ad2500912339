import CXXHash
import NIOCore

/// Copies all that one engine holds to another, of whatever kind, and tells whether two hold the same.
public enum EngineCopy {
    /// How much a walk over an engine has met.
    public struct Figures: Sendable, Equatable {
        public var records = 0
        /// Of keys and values.
        public var bytes = 0
        /// Of all keys and values in their order: equal for engines that hold the same.
        public var digest: UInt64 = 0

        public init() {}

        mutating func add(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
            records += 1
            bytes += key.count + value.count
            // The key's length keeps ("ab", "c") and ("a", "bc") apart.
            digest = XXH3_64bits_withSeed(key.baseAddress, key.count, digest &+ UInt64(key.count))
            digest = XXH3_64bits_withSeed(value.baseAddress, value.count, digest)
        }
    }

    private static let batchBytes = 4 << 20

    /// Returns when `target` holds the copy durably. It must be empty. `progress` is told how many records there were
    /// so far, now and then.
    public static func copy(
        _ source: any LocalPersistenceEngine, to target: any LocalPersistenceEngine, progress: (Int) -> Void
    ) throws -> Figures {
        var figures = Figures()
        var batch = WriteBatch()
        var waiting = 0
        try source.scan(.all) { key, value in
            figures.add(key, value)
            batch.put(ByteBuffer(bytes: value), for: ByteBuffer(bytes: key))
            waiting += key.count + value.count
            if waiting >= batchBytes {
                try target.commit(batch, durability: .unsynced)
                batch.removeAll(keepingCapacity: true)
                waiting = 0
                progress(figures.records)
            }
            return .proceed
        }
        try target.commit(batch, durability: .synced)
        try target.sync()
        progress(figures.records)
        return figures
    }

    public static func figures(
        of engine: any LocalPersistenceEngine, progress: (Int) -> Void
    ) throws -> Figures {
        var figures = Figures()
        try engine.scan(.all) { key, value in
            figures.add(key, value)
            if figures.records.isMultiple(of: 4096) { progress(figures.records) }
            return .proceed
        }
        progress(figures.records)
        return figures
    }
}
