import Engines
import NIOCore
import Node

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
    private var records: [ByteBuffer: Record] = [:]

    func record(under key: ByteBuffer) -> Record? { records[key] }

    mutating func put(_ record: Record, under key: ByteBuffer) throws(StorageFailure) {
        guard key.readableBytes <= EngineLimits.maximumKeyLength else {
            throw .tooLarge(bytes: key.readableBytes, limit: EngineLimits.maximumKeyLength)
        }
        let bytes = record.encoded(under: key)
        guard bytes.readableBytes <= EngineLimits.maximumValueLength else {
            throw .tooLarge(bytes: bytes.readableBytes, limit: EngineLimits.maximumValueLength)
        }
        batch.put(bytes, for: key)
        records[key] = record
    }

    mutating func expect(_ token: StorageToken, _ durability: WriteDurability, minted: Bool) {
        expected.append(Expected(token: token, durability: durability, minted: minted))
        self.durability = max(self.durability, durability)
    }
}
