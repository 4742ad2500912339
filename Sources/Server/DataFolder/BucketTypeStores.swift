import NIOCore
import Node

/// Which store holds each bucket type's objects, as the folder remembers it. Served from another store, a type would
/// have lost its objects, and would give births that were given before (design: truth 4).
///
/// Without the file, as at the first start, every type is new.
struct BucketTypeStores {
    let file: CheckedFile

    private static let format: UInt8 = 1

    /// Refuses a type that is configured with another store than before, and remembers those that are new; durable when
    /// it returns. A type that is configured no more keeps its store.
    func bind(_ types: [BucketType]) throws(DataFolderError) {
        let recorded = try read()
        var stores = recorded
        for type in types {
            if let store = recorded[type.name], store != type.store {
                throw .storeChanged(bucketType: type.name, recorded: store, asked: type.store)
            }
            stores[type.name] = type.store
        }
        if stores != recorded { try file.replace(with: Self.encode(stores)) }
    }

    private static func encode(_ stores: [String: String]) -> ByteBuffer {
        var buffer = ByteBuffer(integer: format)
        buffer.writeInteger(UInt32(stores.count))
        for (type, store) in stores.sorted(by: { $0.key < $1.key }) {
            buffer.writeCounted(type)
            buffer.writeCounted(store)
        }
        return buffer
    }

    private func read() throws(DataFolderError) -> [String: String] {
        guard var buffer = try file.read() else { return [:] }
        guard buffer.readInteger(as: UInt8.self) == Self.format, let count = buffer.readInteger(as: UInt32.self) else {
            throw .damaged(path: file.path, reason: "of another format")
        }
        var stores: [String: String] = [:]
        for _ in 0..<count {
            guard let type = buffer.readCountedText(), let store = buffer.readCountedText() else {
                throw .damaged(path: file.path, reason: "ends early")
            }
            stores[type] = store
        }
        return stores
    }
}
