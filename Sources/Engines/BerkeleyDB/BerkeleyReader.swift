import CBDB
import NIOCore

/// One thread's way to read: a snapshot it keeps until it is told to let go, and the memory that values are copied to.
final class BerkeleyReader: SnapshotReader {
    private let store: BerkeleyStore
    private var snapshot: BerkeleyTransaction?
    /// With DB_THREAD the library returns bytes only as copies: here, reused from read to read.
    private var room = ReadingRoom(count: BerkeleyReader.smallRoom)

    private static let smallRoom = 64 << 10
    /// More than this is given back after the read.
    private static let keptRoom = 1 << 20
    /// The manual on DB_MULTIPLE_KEY asks for a page at least, and a multiple of 1024 bytes. A scan that stops early
    /// copies no more than this.
    private static let firstFill = BerkeleyEnvironment.pageBytes
    private static let fill = 256 << 10

    init(store: BerkeleyStore) {
        self.store = store
    }

    func releaseSnapshot() {
        guard snapshot != nil else { return }
        snapshot = nil
        store.versions.leave()
    }

    /// The value, valid until the next call; nil where there is none.
    func get(_ key: UnsafeRawBufferPointer) throws(EngineError) -> UnsafeRawBufferPointer? {
        if snapshot != nil || store.versions.areKept {
            let cursor = try cursor("read")
            return try get("DBcursor->get") { data in
                var wanted = DBT(key)
                return bdb_cursor_get(cursor, &wanted, &data, UInt32(DB_SET))
            }
        }
        // Locks a page at a time, each until the next one is found.
        return try get("DB->get") { data in
            var wanted = DBT(key)
            return bdb_get(store.entries.pointer, nil, &wanted, &data, 0)
        }
    }

    private func get(
        _ call: StaticString, _ body: (inout DBT) -> Int32
    ) throws(EngineError) -> UnsafeRawBufferPointer? {
        if room.bytes.count > Self.keptRoom { room = ReadingRoom(count: Self.smallRoom) }
        var attempts = 0
        while true {
            var data = DBT(filling: room.bytes)
            let code = body(&data)
            switch code {
            case 0:
                return UnsafeRawBufferPointer(rebasing: room.bytes[..<Int(data.size)])
            case DB_NOTFOUND:
                return nil
            case DB_BUFFER_SMALL:
                room = ReadingRoom(count: Int(data.size))
            default:
                let failure = BerkeleyFailure(number: code, call: call)
                attempts += 1
                guard failure.isConflict, attempts < BerkeleyFailure.maximumAttempts else {
                    throw failure.engineError("read", store.environment.messages)
                }
            }
        }
    }

    func scan(
        _ range: KeyRange, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        let cursor = try cursor("scan")
        var roomForPages = ReadingRoom(count: Self.firstFill)
        // Not read in what follows, but with DB_THREAD the library wants to know where it could write keys to.
        let position = ReadingRoom(copying: range.lowerBound)
        var step = UInt32(DB_SET_RANGE)
        while true {
            var key = DBT(filling: position.bytes)
            key.size = UInt32(position.count)
            var data = DBT(filling: roomForPages.bytes)
            let code = bdb_cursor_get(cursor, &key, &data, step | UInt32(DB_MULTIPLE_KEY))
            switch code {
            case 0:
                guard try Self.visit(&data, below: range.upperBound, body) == .proceed else { return }
                if roomForPages.bytes.count < Self.fill { roomForPages = ReadingRoom(count: Self.fill) }
                step = UInt32(DB_NEXT)
            case DB_NOTFOUND:
                return
            case DB_BUFFER_SMALL:
                roomForPages = ReadingRoom(count: max(Int(data.size), roomForPages.bytes.count * 2))
            default:
                throw failure(code, "scan")
            }
        }
    }

    private static func visit(
        _ data: inout DBT, below upperBound: ByteBuffer?,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> ScanStep
    ) throws -> ScanStep {
        var bulk = bdb_bulk()
        bdb_bulk_start(&bulk, &data)
        while bdb_bulk_next(&bulk, &data) {
            let key = UnsafeRawBufferPointer(start: bulk.key, count: Int(bulk.key_length))
            if let upperBound, upperBound.withUnsafeReadableBytes({ KeyOrder.compare(key, $0) >= 0 }) { return .stop }
            let value = UnsafeRawBufferPointer(start: bulk.value, count: Int(bulk.value_length))
            guard try body(key, value) == .proceed else { return .stop }
        }
        return .proceed
    }

    private func cursor(_ operation: StaticString) throws(EngineError) -> UnsafeMutablePointer<DBC> {
        if let cursor = snapshot?.cursor { return cursor }
        try store.versions.enter()
        do throws(BerkeleyFailure) {
            let begun = try BerkeleyTransaction(store.entries, for: .snapshot)
            let cursor = begun.cursor
            snapshot = consume begun
            return cursor
        } catch {
            store.versions.leave()
            throw error.engineError("\(operation)", store.environment.messages)
        }
    }

    private func failure(_ code: Int32, _ operation: StaticString) -> EngineError {
        BerkeleyFailure(number: code, call: "DBcursor->get").engineError("\(operation)", store.environment.messages)
    }
}

/// Memory for what the library returns, freed at its end.
struct ReadingRoom: ~Copyable {
    let bytes: UnsafeMutableRawBufferPointer
    /// How much of it is filled to begin with.
    let count: Int

    /// At least `count` bytes, in whole units of 1024, aligned for the library's offsets.
    init(count: Int) {
        bytes = .allocate(byteCount: (max(count, 1) + 1023) & ~1023, alignment: 16)
        self.count = 0
    }

    /// Begins with these bytes and has room for any key.
    init(copying source: ByteBuffer) {
        count = source.readableBytes
        bytes = .allocate(byteCount: (max(count, EngineLimits.maximumKeyLength) + 1023) & ~1023, alignment: 16)
        source.withUnsafeReadableBytes { bytes.copyMemory(from: $0) }
    }

    deinit {
        bytes.deallocate()
    }
}
