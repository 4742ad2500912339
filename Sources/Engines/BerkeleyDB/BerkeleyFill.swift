import CBDB
import NIOCore

/// A buffer of consecutive entries, as committed when each page was read; read with DB_MULTIPLE_KEY, many to a call.
struct BerkeleyFill: ~Copyable {
    private var room = ReadingRoom(count: BerkeleyFill.firstBytes)
    /// Where the next fill begins.
    private var place: ReadingRoom
    private var found = ReadingRoom(count: EngineLimits.maximumKeyLength)
    private var data = DBT()
    private(set) var last: UnsafeRawBufferPointer?

    /// The manual on DB_MULTIPLE_KEY asks for a page at least, and a multiple of 1024 bytes. A scan that stops early
    /// copies no more than this.
    private static let firstBytes = BerkeleyEnvironment.pageBytes
    private static let bytes = 256 << 10

    init(from lowerBound: ByteBuffer) {
        place = ReadingRoom(copying: lowerBound)
    }

    /// Reads the entries after the last of those before. False where none is left that is not below `upperBound`: then
    /// what it holds is the end.
    mutating func next(_ database: BerkeleyDatabase, below upperBound: ByteBuffer?) throws(BerkeleyFailure) -> Bool {
        if let last {
            // The first key that can come after it: the same with a zero.
            place = ReadingRoom(copying: last, andZero: true)
            if room.bytes.count < Self.bytes { room = ReadingRoom(count: Self.bytes) }
        }
        last = nil
        var attempts = 0
        while true {
            let failure: BerkeleyFailure
            do throws(BerkeleyFailure) {
                guard try read(database) else { return false }
                let last = lastKey()
                self.last = last
                guard let upperBound else { return true }
                return upperBound.withBytes { KeyOrder.compare(last, $0) < 0 }
            } catch {
                failure = error
            }
            if failure.number == DB_BUFFER_SMALL {
                room = ReadingRoom(count: max(Int(data.size), room.bytes.count * 2))
            } else if !failure.mayRetry(&attempts) {
                throw failure
            }
        }
    }

    /// Until `body` returns other than `proceed`, which is what it gives back.
    func forEach(
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> ScanStep?
    ) rethrows -> ScanStep? {
        guard last != nil else { return .proceed }
        var data = data
        var bulk = bdb_bulk()
        bdb_bulk_start(&bulk, &data)
        while bdb_bulk_next(&bulk, &data) {
            let step = try body(bulk.keyBytes, bulk.valueBytes)
            guard step == .proceed else { return step }
        }
        return .proceed
    }

    /// With a cursor for this call alone: an open one would keep its page locked while the entries are visited.
    private mutating func read(_ database: BerkeleyDatabase) throws(BerkeleyFailure) -> Bool {
        var opened: UnsafeMutablePointer<DBC>?
        try BerkeleyFailure.check(bdb_cursor_open(database.pointer, nil, &opened, 0), "DB->cursor")
        guard let cursor = opened else { preconditionFailure("DB->cursor returned 0 and no cursor") }
        // With DB_THREAD the library wants to know where to write the key that it finds. It does so even where it then
        // gives way to the writer: not over `place`, from which the next attempt begins.
        if found.bytes.count < place.count { found = ReadingRoom(count: place.count) }
        found.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: place.bytes[..<place.count]))
        var key = DBT(filling: found.bytes)
        key.size = UInt32(place.count)
        data = DBT(filling: room.bytes)
        let code = bdb_cursor_get(cursor, &key, &data, UInt32(DB_SET_RANGE | DB_MULTIPLE_KEY))
        let closing = bdb_cursor_close(cursor)
        if code == DB_NOTFOUND { return false }
        try BerkeleyFailure.check(code, "DBcursor->get")
        try BerkeleyFailure.check(closing, "DBcursor->close")
        return true
    }

    private mutating func lastKey() -> UnsafeRawBufferPointer {
        var bulk = bdb_bulk()
        bdb_bulk_start(&bulk, &data)
        var key = UnsafeRawBufferPointer(start: nil, count: 0)
        while bdb_bulk_next(&bulk, &data) { key = bulk.keyBytes }
        return key
    }
}

extension bdb_bulk {
    fileprivate var keyBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: key, count: Int(key_length)) }
    fileprivate var valueBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: value, count: Int(value_length))
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

    /// Begins with these bytes, and a zero if asked, and has room for any key.
    init(copying source: UnsafeRawBufferPointer, andZero: Bool = false) {
        count = source.count + (andZero ? 1 : 0)
        bytes = .allocate(byteCount: (max(count, EngineLimits.maximumKeyLength) + 1023) & ~1023, alignment: 16)
        bytes.copyMemory(from: source)
        if andZero { bytes[source.count] = 0 }
    }

    init(copying source: ByteBuffer) {
        count = source.readableBytes
        bytes = .allocate(byteCount: (max(count, EngineLimits.maximumKeyLength) + 1023) & ~1023, alignment: 16)
        source.withUnsafeReadableBytes { bytes.copyMemory(from: $0) }
    }

    deinit {
        bytes.deallocate()
    }
}
