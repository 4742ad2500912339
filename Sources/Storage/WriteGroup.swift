import Engines
import NIOCore
import Node
import Placement

/// The operations of one engine transaction, as far as they have come.
struct WriteGroup {
    struct Expected {
        let token: StorageToken
        let durability: WriteDurability
        /// Whether its version was already handed out.
        let minted: Bool
    }

    private(set) var batch = WriteBatch()
    private(set) var expected: [Expected] = []
    /// What the strictest of them asks.
    private(set) var durability = WriteDurability.sometime
    /// What the group has made of a record: later operations of the group build on it.
    private var records: [ByteBuffer: Record?] = [:]
    /// To be taken back if the group fails.
    private(set) var hintChanges: [HintChange] = []
    private(set) var treeChanges: [TreeChange] = []

    /// What the group has made of a record so far: nil where it has not touched it, and nil within where it is gone.
    func pending(under key: ByteBuffer) -> Record?? { records[key] }

    mutating func delete(_ key: ByteBuffer) {
        batch.delete(key)
        records[key] = .some(nil)
    }

    mutating func putHintOrder(_ order: UInt64, for member: MemberID, of hint: ByteBuffer) {
        batch.put(hint, for: RecordKey.hintOrder(order, for: member))
    }

    mutating func deleteHintOrder(_ order: UInt64, for member: MemberID) {
        batch.delete(RecordKey.hintOrder(order, for: member))
    }

    mutating func note(_ change: HintChange) {
        hintChanges.append(change)
    }

    mutating func note(_ change: TreeChange) {
        treeChanges.append(change)
    }

    /// Returns the record's length.
    @discardableResult
    mutating func put(_ record: Record, under key: ByteBuffer) throws(StorageFailure) -> Int {
        guard key.readableBytes <= EngineLimits.maximumKeyLength else {
            throw .tooLarge(bytes: key.readableBytes, limit: EngineLimits.maximumKeyLength)
        }
        let bytes = record.encoded(under: key)
        guard bytes.readableBytes <= EngineLimits.maximumValueLength else {
            throw .tooLarge(bytes: bytes.readableBytes, limit: EngineLimits.maximumValueLength)
        }
        batch.put(bytes, for: key)
        records[key] = .some(record)
        return bytes.readableBytes
    }

    mutating func expect(_ token: StorageToken, _ durability: WriteDurability, minted: Bool) {
        expected.append(Expected(token: token, durability: durability, minted: minted))
        self.durability = max(self.durability, durability)
    }
}
