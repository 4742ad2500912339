import CLMDB

/// One scan over one snapshot: the root's entries in order, and each directory's node where it stands among them.
struct LMDBScan: ~Copyable {
    private let transaction: OpaquePointer
    private let database: MDB_dbi
    private var room = LMDBKeyRoom()
    /// The directories on the way to the present node, and room for a whole key behind them.
    private var path: [UInt8] = []

    init(_ transaction: OpaquePointer, _ database: MDB_dbi) {
        self.transaction = transaction
        self.database = database
    }

    /// Visits what is in a node from `lower`, without what leads to the node, up to, but not including, the key
    /// `upper`.
    mutating func visit(
        _ node: UInt64, from lower: UnsafeRawBufferPointer, to upper: UnsafeRawBufferPointer?,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws -> ScanStep {
        let head = LMDBLayout.headLength(node)
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        var beyond = lower
        _ = room.make(node, &beyond)
        var key = room.key
        var value = MDB_val()
        let cursor = try LMDBCursor(transaction, database, operation: "scan")
        var found = try cursor.move(MDB_SET_RANGE, &key, &value, operation: "scan")
        while found, room.isIn(node, key) {
            let rest = UnsafeRawBufferPointer(rebasing: key.bytes[head...])
            let step: ScanStep
            if LMDBLayout.isDirectory(key.bytes) {
                path.append(contentsOf: rest)
                step = try visit(
                    LMDBLayout.node(value), from: KeyOrder.hasPrefix(lower, rest) ? beyond : nothing, to: upper, body)
                path.removeLast(rest.count)
                // The visit used the room for its own node.
                room.makeHead(node)
            } else if node == LMDBLayout.root {
                step = try Self.visit(rest, value.bytes, to: upper, body)
            } else {
                path.append(contentsOf: rest)
                step = try path.withUnsafeBytes { try Self.visit($0, value.bytes, to: upper, body) }
                path.removeLast(rest.count)
            }
            if step == .stop { return .stop }
            found = try cursor.move(MDB_NEXT, &key, &value, operation: "scan")
        }
        return .proceed
    }

    private static func visit(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, to upper: UnsafeRawBufferPointer?,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws -> ScanStep {
        if let upper, KeyOrder.compare(key, upper) >= 0 { return .stop }
        return try body(key, value)
    }
}
