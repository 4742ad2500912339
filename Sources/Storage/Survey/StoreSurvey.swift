public import Engines
import NIOCore
import Placement
import Versions

/// What a store holds, record by record, each held against its checksum.
public struct StoreSurvey: Sendable, Equatable {
    public struct Damage: Sendable, Equatable {
        /// Readable, as far as the key can be read.
        public var key: String
        public var reason: String
    }

    public var objects = 0
    /// Of them, how many have several siblings, and how many are deleted.
    public var conflicting = 0
    public var deleted = 0
    /// Of objects with their keys.
    public var bytes = 0
    public var largestObject = 0
    public var partitions = 0
    /// The store's own records.
    public var ownRecords = 0
    public var damaged = 0
    /// The first of them.
    public var damages: [Damage] = []
    /// Objects by bucket type.
    public var types: [String: Int] = [:]

    private var lastPartition: Int?

    private static let namedDamages = 20

    /// Reads everything. `progress` is told how many records there were so far, now and then.
    ///
    /// Errors: the engine's; a damaged record is none.
    public init(of engine: any LocalPersistenceEngine, progress: (Int) -> Void) throws {
        var records = 0
        var survey = Self()
        try engine.scan(.all) { key, value in
            survey.add(ByteBuffer(bytes: key), ByteBuffer(bytes: value))
            records += 1
            if records.isMultiple(of: 4096) { progress(records) }
            return .proceed
        }
        progress(records)
        self = survey
    }

    private init() {}

    private mutating func add(_ key: ByteBuffer, _ value: ByteBuffer) {
        guard key.getInteger(at: key.readerIndex, as: UInt8.self) == RecordKey.Kind.object.rawValue else {
            ownRecords += 1
            return
        }
        guard let (objectKey, partition) = RecordKey.object(in: key) else {
            return found(Damage(key: key.hexDump(format: .compact), reason: "no object's key"))
        }
        if partition != lastPartition { partitions += 1 }
        lastPartition = partition
        do throws(RecordDamaged) {
            let object = try Record(decoding: value, under: key).object
            objects += 1
            if object.isDeleted { deleted += 1 }
            if object.siblings.count > 1 { conflicting += 1 }
            bytes += key.readableBytes + value.readableBytes
            largestObject = max(largestObject, value.readableBytes)
            types[String(buffer: objectKey.type), default: 0] += 1
        } catch {
            found(Damage(key: "\(objectKey)", reason: error.reason))
        }
    }

    private mutating func found(_ damage: Damage) {
        damaged += 1
        if damages.count < Self.namedDamages { damages.append(damage) }
    }
}
