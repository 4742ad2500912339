import CLMDB
import Glibc

/// How keys of 0 to 4,096 bytes lie, in their order, in one LMDB database whose keys have 1 to 511.
///
/// The key space is a tree of *nodes*, each a range of LMDB keys with a common head:
///
/// - the root's head is `00`; any other node's is `01` and its number, 8 bytes;
/// - an LMDB key below 511 bytes, head and rest, is an entry: the rest of its key, and its value;
/// - an LMDB key of exactly 511 bytes is a *directory*: all keys that go on from there; its value is the number of the
///   node that holds how they go on.
///
/// So a key below 510 bytes, as nearly all are, is one entry of the root: one byte more, nothing else. Its place among
/// the others is right because a directory sorts where every key in it does. `02` is the record about the database.
enum LMDBLayout {
    static let maximumKey = 511
    static let root: UInt64 = 0
    static let rootHead: UInt8 = 0
    static let nodeHead: UInt8 = 1
    static let about: UInt8 = 2

    static func headLength(_ node: UInt64) -> Int {
        node == root ? 1 : 9
    }

    static func isDirectory(_ key: UnsafeRawBufferPointer) -> Bool {
        key.count == maximumKey
    }

    /// The node that a directory's value names.
    static func node(_ value: MDB_val) throws(EngineError) -> UInt64 {
        guard value.mv_size == 8 else {
            throw EngineError(
                .damaged, operation: "follow a long key",
                detail: "a directory of \(value.mv_size) bytes, expected 8; refill the store")
        }
        return UInt64(bigEndian: value.bytes.loadUnaligned(as: UInt64.self))
    }
}

/// Room for one LMDB key, made anew for each step on the way to an entry.
struct LMDBKeyRoom: ~Copyable {
    private let bytes: UnsafeMutableRawBufferPointer
    private var length = 0

    init() {
        bytes = .allocate(byteCount: LMDBLayout.maximumKey, alignment: 8)
    }

    deinit {
        bytes.deallocate()
    }

    /// The key made last. Valid until the next one is made, or this room goes.
    var key: MDB_val {
        MDB_val(mv_size: length, mv_data: bytes.baseAddress)
    }

    /// Makes the key for `rest` in a node. True for a directory's: `rest` is then what goes on beyond it.
    mutating func make(_ node: UInt64, _ rest: inout UnsafeRawBufferPointer) -> Bool {
        let head = LMDBLayout.headLength(node)
        if node == LMDBLayout.root {
            bytes[0] = LMDBLayout.rootHead
        } else {
            bytes[0] = LMDBLayout.nodeHead
            bytes.storeBytes(of: node.bigEndian, toByteOffset: 1, as: UInt64.self)
        }
        let taken = min(rest.count, LMDBLayout.maximumKey - head)
        if taken > 0, let source = rest.baseAddress, let room = bytes.baseAddress {
            memcpy(room + head, source, taken)
            rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
        }
        length = head + taken
        return length == LMDBLayout.maximumKey
    }

    /// Makes the lowest key of a node.
    mutating func makeHead(_ node: UInt64) {
        var nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        _ = make(node, &nothing)
    }

    /// Makes the key of the record about the database.
    mutating func makeAbout() {
        bytes[0] = LMDBLayout.about
        length = 1
    }

    /// Whether a key is in the node for which the last key was made.
    func isIn(_ node: UInt64, _ key: MDB_val) -> Bool {
        let head = LMDBLayout.headLength(node)
        guard key.mv_size >= head, let start = bytes.baseAddress else { return false }
        return memcmp(key.mv_data, start, head) == 0
    }
}

/// The record about the database: the layout's format and how many directories are among its entries.
struct LMDBAbout {
    var directories: UInt64 = 0

    private static let format: UInt8 = 1

    init() {}

    /// Reads the record of a store. Errors: `damaged` where there is none, `foreign` where it is of a newer format.
    init(_ transaction: OpaquePointer, _ database: MDB_dbi) throws(EngineError) {
        var room = LMDBKeyRoom()
        room.makeAbout()
        var key = room.key
        var value = MDB_val()
        let code = mdb_get(transaction, database, &key, &value)
        guard code != MDB_NOTFOUND else {
            throw EngineError(
                .damaged, operation: "read the record about the store", call: "mdb_get", number: Int(code),
                detail: "no Rotor store, or a damaged one; refill it from its replicas or a backup")
        }
        try LMDBFailure.check(code, "read the record about the store", "mdb_get")
        guard value.mv_size == 9, value.bytes[0] == Self.format else {
            throw EngineError(
                .foreign, operation: "read the record about the store",
                detail: """
                    format \(value.mv_size > 0 ? Int(value.bytes[0]) : 0), this program knows \(Self.format); use a \
                    newer rotor
                    """)
        }
        directories = UInt64(bigEndian: value.bytes.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        guard directories < 1 << 48 else { throw Self.damaged("\(directories) directories") }
    }

    static func damaged(_ what: String) -> EngineError {
        EngineError(
            .damaged, operation: "read the record about the store",
            detail: "it says \(what): refill the store from its replicas or a backup")
    }

    func put(_ transaction: OpaquePointer, _ database: MDB_dbi) throws(EngineError) {
        var room = LMDBKeyRoom()
        room.makeAbout()
        let record = [Self.format] + withUnsafeBytes(of: directories.bigEndian) { Array($0) }
        let code = record.withUnsafeBytes { record in
            var key = room.key
            var value = MDB_val(record)
            return mdb_put(transaction, database, &key, &value, 0)
        }
        try LMDBFailure.check(code, "write the record about the store", "mdb_put")
    }
}
