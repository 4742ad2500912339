import NIOCore

/// A number of replies as a query states it.
public enum QuorumValue: Hashable, Sendable {
    /// As the bucket type says.
    case byDefault
    case one
    case quorum
    case all
    case count(Int)
}

/// The query of a request. An absent option is nil; names that are not known here are ignored, as Riak does.
public struct RequestOptions: Hashable, Sendable {
    public var r: QuorumValue?
    public var pr: QuorumValue?
    public var w: QuorumValue?
    public var pw: QuorumValue?
    public var dw: QuorumValue?
    /// For deletes: stands for `r` and `w` where they are not given.
    public var rw: QuorumValue?
    public var basicQuorum: Bool?
    public var notFoundOK: Bool?
    public var sloppyQuorum: Bool?
    public var returnBody: Bool?
    public var timeoutMilliseconds: Int?
    /// The tag of the one sibling that is wanted.
    public var vtag: String?

    public init() {}
}

extension RequestOptions {
    init(parsing query: UnsafeBufferPointer<UInt8>.SubSequence) throws(RequestFormError) {
        self.init()
        var rest = query
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "&")) ?? rest.endIndex
            try read(rest[..<end])
            rest = end < rest.endIndex ? rest[(end + 1)...] : rest[end...]
        }
    }

    private mutating func read(_ option: UnsafeBufferPointer<UInt8>.SubSequence) throws(RequestFormError) {
        let equals = option.firstIndex(of: UInt8(ascii: "=")) ?? option.endIndex
        let name = try Self.text(option[..<equals])
        let value = try Self.text(option[equals...].dropFirst())
        switch name {
        case "r": r = try Self.quorum(name, value)
        case "pr": pr = try Self.quorum(name, value)
        case "w": w = try Self.quorum(name, value)
        case "pw": pw = try Self.quorum(name, value)
        case "dw": dw = try Self.quorum(name, value)
        case "rw": rw = try Self.quorum(name, value)
        case "basic_quorum": basicQuorum = try Self.boolean(name, value)
        case "notfound_ok": notFoundOK = try Self.boolean(name, value)
        case "sloppy_quorum": sloppyQuorum = try Self.boolean(name, value)
        case "returnbody": returnBody = try Self.boolean(name, value)
        case "timeout": timeoutMilliseconds = try Self.milliseconds(name, value)
        case "vtag": vtag = value
        case "asis": try Self.refuseAsIs(name, value)
        case "node_confirms": try Self.refuseNodeConfirms(name, value)
        case "sync_on_write": try Self.refuseSyncOnWrite(name, value)
        default: break
        }
    }

    private static func text(_ bytes: UnsafeBufferPointer<UInt8>.SubSequence) throws(RequestFormError) -> String {
        guard bytes.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(decoding: bytes, as: UTF8.self)
        }
        var buffer = ByteBuffer()
        try PercentCoding.decode(bytes, into: &buffer)
        return String(buffer: buffer)
    }

    private static func quorum(_ name: String, _ value: String) throws(RequestFormError) -> QuorumValue {
        switch value {
        case "default": return .byDefault
        case "one": return .one
        case "quorum": return .quorum
        case "all": return .all
        default:
            guard let count = number(value) else {
                throw .badOption(name: name, value: value, allowed: "a number, one, quorum, all or default")
            }
            return .count(count)
        }
    }

    private static func boolean(_ name: String, _ value: String) throws(RequestFormError) -> Bool? {
        switch value.lowercased() {
        case "true": return true
        case "false": return false
        case "default": return nil
        default: throw .badOption(name: name, value: value, allowed: "true, false or default")
        }
    }

    private static func milliseconds(_ name: String, _ value: String) throws(RequestFormError) -> Int {
        guard let milliseconds = number(value), milliseconds > 0 else {
            throw .badOption(name: name, value: value, allowed: "a number of milliseconds from 1")
        }
        return milliseconds
    }

    /// Digits only (`Int` would take a sign), and few enough to reckon with.
    private static func number(_ text: String) -> Int? {
        guard text.utf8.count <= 10, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }

    private static func refuseAsIs(_ name: String, _ value: String) throws(RequestFormError) {
        guard try boolean(name, value) == true else { return }
        throw .unsupportedOption(name: name, value: value, instead: "every write is a new version")
    }

    private static func refuseNodeConfirms(_ name: String, _ value: String) throws(RequestFormError) {
        let confirms = try quorum(name, value)
        guard confirms != .byDefault, confirms != .count(0) else { return }
        throw .unsupportedOption(
            name: name, value: value, instead: "every reply comes from another node; use r for reads and w for writes")
    }

    private static func refuseSyncOnWrite(_ name: String, _ value: String) throws(RequestFormError) {
        switch value {
        case "default", "backend": break
        case "one", "all":
            throw .unsupportedOption(name: name, value: value, instead: "use dw, the number of synced replicas")
        default: throw .badOption(name: name, value: value, allowed: "default, backend, one or all")
        }
    }
}
