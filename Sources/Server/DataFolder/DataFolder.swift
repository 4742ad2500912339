import Engines
import NIOCore
import Node
import Placement

/// A node's data folder: `FORMAT`, `LOCK`, `node/{cluster,record,bucket-types,clean-stop,crashed,suspect-NAME}`,
/// `stores/NAME/`, `hints/`.
///
/// Opening it takes an exclusive lock, checks that it is this node's, and makes it where it is missing. A new folder
/// has `FORMAT.new` until ``completeCreation()``, when its first start is durable: a creation that was cut short is
/// begun again, and from then on a missing file is damage, never a node that has not started yet.
final class DataFolder: Sendable {
    let path: String
    let member: MemberID
    /// What the cluster was founded with, as the folder remembers it.
    let founding: Founding
    /// What the configuration says otherwise, one line each.
    let differences: [String]
    /// The node's record as its last start left it.
    let record: NodeRecord

    private let lock: FolderLock
    /// Whether there was no folder at all before this opening.
    private let isOurs: Bool
    private let recordFile: CheckedFile
    private let cleanStop: CleanStopMarker

    static let format = 1
    private static let limitOfFormat = 256

    /// - Parameters:
    ///   - node: The name of the node that is to run on it, one of the founders.
    ///   - asked: What a first start founds the cluster with. Later only its name counts.
    init(path: String, node: String, founding asked: Founding) throws(DataFolderError) {
        self.path = path
        let operation = "open data folder \(path)"
        isOurs = !FileCalls.exists(path)
        try DataFolderError.wrap { () throws(EngineError) in
            try FileCalls.makeDirectories(path, operation: operation)
        }
        // Before the lock file is made: nothing may be added to a folder that is not ours.
        try Self.refuseStrangers(in: path, operation: operation)
        lock = try Self.lock(path)
        let clusterFile = CheckedFile(path: path + "/node/cluster")
        recordFile = CheckedFile(path: path + "/node/record")
        cleanStop = CleanStopMarker(file: CheckedFile(path: path + "/node/clean-stop"))

        if try !Self.isComplete(path, operation: operation) {
            do throws(DataFolderError) {
                try Self.create(
                    path, FoundingRecord(node: node, founding: asked), clusterFile, recordFile, operation: operation)
            } catch {
                // What cannot be removed either does no harm: it is begun again.
                try? Self.removeIncomplete(path, wholly: isOurs)
                throw error
            }
        }
        guard let bytes = try clusterFile.read() else {
            throw .damaged(path: clusterFile.path, reason: "it is missing")
        }
        let recorded = try FoundingRecord(decoding: bytes, path: clusterFile.path)
        try Self.check(recorded, node: node, asked, path: path)
        founding = recorded.founding
        differences = recorded.differences(from: asked)
        member = MemberID.founding(cluster: founding.name, name: node)
        record = try Self.readRecord(recordFile, of: member)
    }

    /// The name of the store of hints, which no other store may have.
    static let hints = "hints"

    func storePath(_ name: String) -> String { name == Self.hints ? "\(path)/hints" : "\(path)/stores/\(name)" }

    /// Of the store of that name, whether there is one or not.
    func suspectMark(_ store: String) -> SuspectMark { SuspectMark(of: store, in: path) }

    /// Whether a fault ended the last process.
    var crashMark: CrashMark { CrashMark(path: path + "/node/crashed") }

    /// Moves a store's folder out of the way; the store begins anew. Returns where it is now.
    func setAside(_ store: String) throws(DataFolderError) -> String {
        var aside = "\(storePath(store))~damaged-\(record.start.number)"
        while FileCalls.exists(aside) { aside += "-again" }
        try DataFolderError.wrap { () throws(EngineError) in
            let operation = "set \(storePath(store)) aside"
            try FileCalls.rename(storePath(store), to: aside, operation: operation)
            try FileCalls.syncDirectory(
                store == Self.hints ? path : path + "/stores", operation: operation)
        }
        return aside
    }

    /// Refuses bucket types that are configured with other stores than before, and remembers new ones.
    func bindBucketTypes(_ types: [BucketType]) throws(DataFolderError) {
        try BucketTypeStores(file: CheckedFile(path: path + "/node/bucket-types")).bind(types)
    }

    /// Takes the marker of a clean stop away, durably. True where there was one, and it followed the recorded start.
    func consumeCleanStop() throws(DataFolderError) -> Bool {
        try cleanStop.consume(after: record.start)
    }

    /// Tells the next start that the stores hold all that the start `record` has handed out.
    func markCleanStop(after record: NodeRecord) throws(DataFolderError) {
        try cleanStop.write(after: record.start)
    }

    /// Durable when it returns.
    func replaceRecord(_ record: NodeRecord) throws(DataFolderError) {
        precondition(record.member == member, "record of \(record.member) for the folder of \(member)")
        try recordFile.replace(with: record.encoded())
    }

    /// Tells that a start is durable here: the folder is a node's from now on. Nothing to do for one that was.
    func completeCreation() throws(DataFolderError) {
        guard FileCalls.exists(path + "/FORMAT.new") else { return }
        try DataFolderError.wrap { () throws(EngineError) in
            let operation = "create data folder \(path)"
            try FileCalls.rename(path + "/FORMAT.new", to: path + "/FORMAT", operation: operation)
            try FileCalls.syncDirectory(path, operation: operation)
        }
    }

    /// Gives the lock back. A second call does nothing.
    func release() {
        lock.release()
    }

    /// Gives the lock back after a start that failed. What that has made of a new folder is removed: nothing was ever
    /// promised on it, and the next start may be asked for another node or cluster.
    func abandon() throws(DataFolderError) {
        defer { lock.release() }
        try Self.removeIncomplete(path, wholly: isOurs)
    }
}

// MARK: - Opening

extension DataFolder {
    private static func refuseStrangers(in path: String, operation: String) throws(DataFolderError) {
        let names = try DataFolderError.wrap { () throws(EngineError) in
            try FileCalls.names(in: path, operation: operation)
        }
        if names.contains("FORMAT") || names.contains("FORMAT.new") { return }
        // A crash right after the first lock leaves LOCK alone.
        guard let stranger = names.first(where: { $0 != "LOCK" }) else { return }
        throw .foreign(
            path: path,
            detail: "not a Rotor data folder: it has no file FORMAT but holds \(stranger); choose an empty or a new"
                + " folder")
    }

    static func lock(_ path: String) throws(DataFolderError) -> FolderLock {
        do throws(EngineError) {
            return try FolderLock(path: path + "/LOCK", operation: "lock data folder \(path)")
        } catch {
            if error.code == .locked { throw .locked(path: path, detail: error.detail) }
            throw .file(error)
        }
    }

    static func isComplete(_ path: String, operation: String) throws(DataFolderError) -> Bool {
        let bytes = try DataFolderError.wrap { () throws(EngineError) in
            try FileCalls.read(path + "/FORMAT", limit: limitOfFormat, operation: operation)
        }
        guard let bytes else { return false }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 2, words[0] == "rotor-data", let found = Int(words[1]) else {
            throw .foreign(path: path, detail: "its file FORMAT was not written by Rotor; choose another folder")
        }
        guard found == format else {
            throw .foreign(
                path: path, detail: "data format \(found), this program knows \(format); use the rotor that wrote it")
        }
        return true
    }

    private static func create(
        _ path: String, _ founding: FoundingRecord, _ clusterFile: CheckedFile, _ recordFile: CheckedFile,
        operation: String
    ) throws(DataFolderError) {
        let member = MemberID.founding(cluster: founding.founding.name, name: founding.node)
        try checkFounder(founding.node, founding.founding)
        try DataFolderError.wrap { () throws(EngineError) in
            try FileCalls.write("rotor-data \(format)\n", to: path + "/FORMAT.new", operation: operation)
            try FileCalls.syncDirectory(path, operation: operation)
            try FileCalls.makeDirectories(path + "/node", operation: operation)
        }
        try clusterFile.replace(with: founding.encoded())
        try recordFile.replace(with: NodeRecord(member: member).encoded())
    }

    /// Under the lock. Does nothing to a folder that is a node's.
    ///
    /// - Parameter wholly: The folder itself too, if nothing else is in it.
    private static func removeIncomplete(_ path: String, wholly: Bool) throws(DataFolderError) {
        let operation = "remove the new data folder \(path)"
        try DataFolderError.wrap { () throws(EngineError) in
            guard !FileCalls.exists(path + "/FORMAT") else { return }
            for name in ["stores", Self.hints, "node", "FORMAT.new", "LOCK"] {
                try FileCalls.removeTree(path + "/" + name, operation: operation)
            }
            if wholly, try FileCalls.names(in: path, operation: operation).isEmpty {
                try FileCalls.removeTree(path, operation: operation)
            }
        }
    }

    private static func checkFounder(_ node: String, _ founding: Founding) throws(DataFolderError) {
        let names = founding.founders.map(\.name)
        guard names.contains(node) else { throw .notAFounder(node: node, founders: names) }
    }

    private static func check(
        _ recorded: FoundingRecord, node: String, _ asked: Founding, path: String
    ) throws(DataFolderError) {
        guard recorded.node == node else { throw .otherNode(path: path, recorded: recorded.node, asked: node) }
        let founding = recorded.founding
        guard founding.name == asked.name else {
            throw .otherCluster(
                path: path, recorded: "'\(founding.name)' (id \(founding.clusterID))",
                asked: "'\(asked.name)' (id \(asked.clusterID))")
        }
        try checkFounder(node, founding)
    }

    private static func readRecord(_ file: CheckedFile, of member: MemberID) throws(DataFolderError) -> NodeRecord {
        guard let bytes = try file.read() else { throw .damaged(path: file.path, reason: "it is missing") }
        let record: NodeRecord
        do throws(NodeRecordDamaged) {
            record = try NodeRecord(decoding: bytes)
        } catch {
            throw .damaged(path: file.path, reason: "of another format")
        }
        guard record.member == member else {
            throw .otherNode(path: file.path, recorded: "\(record.member)", asked: "\(member)")
        }
        return record
    }
}
