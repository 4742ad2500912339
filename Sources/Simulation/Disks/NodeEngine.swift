import Engines
import NIOCore

/// An engine under a simulated node: the twin, or a real one.
protocol NodeEngine: LocalPersistenceEngine {
    /// What reads find.
    var view: EngineView { get set }
    var trouble: EngineTrouble? { get set }
    /// A sync has failed: no commit is taken any more.
    var ended: Bool { get }
    /// Whether a power failure now could take something.
    var hasUnsynced: Bool { get }

    /// The time that the calls so far take is over.
    func callsReturned()
    /// What is left on the disk when the node ends, and what may be gone.
    func left(after end: NodeEnd, _ generator: inout SeededGenerator) -> (image: StoreImage, loss: StoreLoss)
    /// A snapshot of the disk under the running engine, as a power failure now would leave it.
    func snapshot(_ generator: inout SeededGenerator) -> StoreImage

    func keys(in range: KeyRange) -> [ByteBuffer]
    func value(of key: ByteBuffer) -> ByteBuffer?
    /// A bit of a stored value flips, wherever the value is kept.
    func damage(_ key: ByteBuffer, bit: Int)
    /// A bit of the engine's own file flips; false where that is not possible.
    func damageFile(bit: Int) -> Bool
    /// Takes a key back to an earlier value behind the store's back: a disk that lies.
    func rollBack(_ key: ByteBuffer, to value: ByteBuffer?)
}

extension NodeEngine {
    func snapshot(_ generator: inout SeededGenerator) -> StoreImage { left(after: .powerFailure, &generator).image }
}

enum EngineView {
    /// What the writer works on: everything committed.
    case writer
    /// Commits that have returned.
    case readers
}

enum EngineTrouble {
    /// The next commit fails and leaves nothing.
    case failOnce
    /// Commits fail until there is room.
    case full
    /// The next sync fails, and with it the engine ends.
    case failSync
}

/// How a node's process ends.
enum NodeEnd {
    case powerFailure
    case kill
    case cleanStop
}

/// What a store may have lost when its node ended.
enum StoreLoss {
    case nothing
    case unsynced
    /// Its log is damaged, and no later record says whether that was synced: it may end there.
    case anything
}

/// What a store's folder holds while no process has it open.
enum StoreImage {
    case disk(VirtualDisk)
    /// A real engine's folder, as it is.
    case folder
    /// A real engine's folder is to hold these: a copy brought back.
    case records(OrderedRecords)

    static let empty = StoreImage.disk(VirtualDisk())
}

extension ByteBuffer {
    func flipped(_ bit: Int) -> ByteBuffer {
        guard readableBytes > 0 else { return self }
        var copy = ByteBuffer(bytes: readableBytesView)
        let index = (bit / 8) % copy.readableBytes
        let byte = copy.getInteger(at: index, as: UInt8.self) ?? 0
        copy.setInteger(byte ^ (1 << (bit % 8)), at: index)
        return copy
    }
}
