import Engines

/// Puts a rewritten store in the place of the one that it was made from. A swap that is cut short is finished by the
/// next who comes: the daemon, or a tool.
///
/// The new store is made in `NAME~new`, which no store can be called. Once it is whole the old one becomes `NAME~old`,
/// the new one takes its place, and the old one is removed.
struct StoreSwap {
    let path: String

    var newPath: String { path + "~new" }
    private var oldPath: String { path + "~old" }
    private var operation: String { "put the rewritten store in the place of \(path)" }

    /// Finishes a swap that was cut short. What is left of a store that had not become whole is removed.
    func finish() throws(EngineError) {
        if FileCalls.exists(oldPath), FileCalls.exists(newPath), !FileCalls.exists(path) {
            try rename(newPath, to: path)
        }
        for rest in [oldPath, newPath] where FileCalls.exists(rest) && FileCalls.exists(path) {
            try FileCalls.removeTree(rest, operation: operation)
        }
    }

    /// The store in ``newPath`` is whole, durable and closed, and the old one is closed.
    func carryOut() throws(EngineError) {
        try rename(path, to: oldPath)
        try finish()
    }

    private func rename(_ old: String, to new: String) throws(EngineError) {
        try FileCalls.rename(old, to: new, operation: operation)
        try FileCalls.syncDirectory(FileCalls.parent(of: path), operation: operation)
    }
}
