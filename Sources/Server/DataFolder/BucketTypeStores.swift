import NIOCore
import Node

/// Which store holds each bucket type's objects, as the folder remembers it. A type that were served from another store
/// would have lost its objects, and give births that were given before (design: truth 4).
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
            for text in [type, store] {
                buffer.writeInteger(UInt32(text.utf8.count))
                buffer.writeString(text)
            }
        }
        return buffer
    }

    private func read() throws(DataFolderError) -> [String: String] {
        guard var buffer = try file.read() else { return [:] }
        func readText() -> String? {
            buffer.readInteger(as: UInt32.self).flatMap { buffer.readString(length: Int($0)) }
        }
        guard buffer.readInteger(as: UInt8.self) == Self.format, let count = buffer.readInteger(as: UInt32.self) else {
            throw .damaged(path: file.path, reason: "of another format")
        }
        var stores: [String: String] = [:]
        for _ in 0..<count {
            guard let type = readText(), let store = readText() else {
                throw .damaged(path: file.path, reason: "ends early")
            }
            stores[type] = store
        }
        return stores
    }
}
