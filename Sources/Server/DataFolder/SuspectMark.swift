import Engines

/// Says of a store, outside of it, that it ended by a failed sync: since then what the system holds in memory passes
/// for what is on disk. That it is there is what counts; its text is for people.
struct SuspectMark {
    let path: String

    private static let limit = 4096

    /// - Parameter dataPath: The data folder's.
    init(of store: String, in dataPath: String) {
        path = "\(dataPath)/node/suspect-\(store)"
    }

    /// Durable when it returns. The first reason stays.
    func write(_ reason: String) throws(DataFolderError) {
        let operation = "write \(path)"
        try DataFolderError.wrap { () throws(EngineError) in
            guard !FileCalls.exists(path) else { return }
            try FileCalls.write(reason + "\n", to: path, operation: operation)
            try FileCalls.syncDirectory(FileCalls.parent(of: path), operation: operation)
        }
    }

    /// The reason, nil where there is no mark.
    func read() throws(DataFolderError) -> String? {
        let bytes = try DataFolderError.wrap { () throws(EngineError) in
            try FileCalls.read(path, limit: Self.limit, operation: "read \(path)")
        }
        return bytes.map { bytes in String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self) }
    }

    /// Durable when it returns.
    func remove() throws(DataFolderError) { try CheckedFile(path: path).remove() }
}
