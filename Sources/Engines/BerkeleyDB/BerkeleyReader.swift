import CBDB
import NIOCore

/// One thread's way to read, and the memory that values are copied to. It holds nothing from read to read.
final class BerkeleyReader: SnapshotReader {
    private let store: BerkeleyStore
    /// With DB_THREAD the library returns bytes only as copies: here, reused from read to read.
    private var room = ReadingRoom(count: BerkeleyReader.smallRoom)

    private static let smallRoom = 64 << 10
    /// More than this is given back after the read.
    private static let keptRoom = 1 << 20

    init(store: BerkeleyStore) {
        self.store = store
    }

    func releaseSnapshot() {}

    /// The committed value, valid until the next call; nil where there is none. It locks a page at a time, so it waits
    /// while a batch that changes this very page is carried out, in memory; never for a sync.
    func get(_ key: UnsafeRawBufferPointer) throws(EngineError) -> UnsafeRawBufferPointer? {
        if room.bytes.count > Self.keptRoom { room = ReadingRoom(count: Self.smallRoom) }
        let database = store.entries.pointer
        var attempts = 0
        while true {
            var wanted = DBT(key)
            var data = DBT(filling: room.bytes)
            let code = bdb_get(database, nil, &wanted, &data, 0)
            switch code {
            case 0:
                return UnsafeRawBufferPointer(rebasing: room.bytes[..<Int(data.size)])
            case DB_NOTFOUND:
                return nil
            case DB_BUFFER_SMALL:
                room = ReadingRoom(count: Int(data.size))
            default:
                let failure = BerkeleyFailure(number: code, call: "DB->get")
                guard failure.mayRetry(&attempts) else {
                    throw failure.engineError("read", store.environment.messages)
                }
            }
        }
    }

    func scan(
        _ range: KeyRange, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        let snapshot = store.snapshots.begin(range)
        defer { store.snapshots.end(snapshot) }
        var fill = BerkeleyFill(from: range.lowerBound)
        while true {
            let isEnd: Bool
            do throws(BerkeleyFailure) {
                isEnd = try !fill.next(store.entries, below: range.upperBound)
            } catch {
                throw error.engineError("scan", store.environment.messages)
            }
            let images = try snapshot.take(upTo: isEnd ? nil : fill.last)
            guard try Self.merge(fill, below: range.upperBound, images, body) == .proceed, !isEnd else { return }
        }
    }

    /// Visits what was read, with the images in place of what has changed since.
    private static func merge(
        _ fill: borrowing BerkeleyFill, below upperBound: ByteBuffer?, _ images: [Record],
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> ScanStep
    ) throws -> ScanStep {
        var rest = images[...]
        let step = try fill.forEach { key, value in
            if let upperBound, upperBound.withUnsafeReadableBytes({ KeyOrder.compare(key, $0) >= 0 }) { return .stop }
            while let image = rest.first {
                let order = KeyOrder.compare(image.key, key)
                if order > 0 { break }
                rest.removeFirst()
                guard try visit(image, body) == .proceed else { return nil }
                if order == 0 { return .proceed }
            }
            return try body(key, value) == .proceed ? .proceed : nil
        }
        guard step != nil else { return .stop }
        for image in rest {
            guard try visit(image, body) == .proceed else { return .stop }
        }
        return .proceed
    }

    private static func visit(
        _ image: Record, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> ScanStep
    ) throws -> ScanStep {
        guard image.value[0] == BerkeleySnapshot.present else { return .proceed }
        return try body(image.key, UnsafeRawBufferPointer(rebasing: image.value[1...]))
    }
}
