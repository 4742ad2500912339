import NIOCore
import Node
import Placement
import Versions

/// How messages between nodes stand on the wire: a byte that names the case, then its fields, integers big-endian.
///
/// Written by hand: in the hot path every message is one pass without allocation but for the object's own arrays, and
/// values are slices of what was received.
enum MessageCoding {
    private enum Tag: UInt8 {
        case startAnnounced = 1
        case startConfirmed = 2
        case startConflict = 3
        case fetch = 4
        case fetched = 5
        case replicate = 6
        case replicated = 7
        case forward = 8
        case forwarded = 9
        case probe = 10
        case probed = 11
        case askTrees = 12
        case treesAnswered = 13
    }

    static func write(_ message: Message, into buffer: inout ByteBuffer) {
        switch message {
        case .startAnnounced(let start): write(.startAnnounced, start, into: &buffer)
        case .startConfirmed(let start): write(.startConfirmed, start, into: &buffer)
        case .startConflict(let start): write(.startConflict, start, into: &buffer)
        case .fetch(let fetch):
            begin(.fetch, fetch.correlation, into: &buffer)
            buffer.writeLengthPrefixed(fetch.key.canonicalBytes)
            buffer.writeInteger(UInt8(fetch.standingInFor.count))
            for member in fetch.standingInFor { buffer.writeInteger(member.rawValue) }
        case .fetched(let fetched):
            begin(.fetched, fetched.correlation, into: &buffer)
            write(fetched.result, into: &buffer)
        case .replicate(let replicate):
            begin(.replicate, replicate.correlation, into: &buffer)
            buffer.writeInteger(replicate.durability.rawValue)
            buffer.writeOptional(replicate.standingInFor) { $0.writeInteger($1.rawValue) }
            buffer.writeLengthPrefixed(replicate.key.canonicalBytes)
            replicate.object.encode(into: &buffer)
        case .replicated(let replicated):
            begin(.replicated, replicated.correlation, into: &buffer)
            write(replicated.result, into: &buffer)
        case .forward(let forward):
            begin(.forward, forward.correlation, into: &buffer)
            buffer.writeInteger(forward.start)
            buffer.writeInteger(forward.sequence)
            buffer.writeInteger(forward.receiver)
            write(forward.request, into: &buffer)
        case .forwarded(let forwarded):
            begin(.forwarded, forwarded.correlation, into: &buffer)
            write(forwarded.reply, into: &buffer)
        case .askTrees(let inquiry):
            begin(.askTrees, inquiry.correlation, into: &buffer)
            buffer.writeText(inquiry.store)
            buffer.writeInteger(inquiry.types)
            write(inquiry.question, into: &buffer)
        case .treesAnswered(let report):
            begin(.treesAnswered, report.correlation, into: &buffer)
            write(report.answer, into: &buffer)
        case .probe: buffer.writeInteger(Tag.probe.rawValue)
        case .probed: buffer.writeInteger(Tag.probed.rawValue)
        }
    }

    /// Reads exactly one message.
    static func message(from bytes: ByteBuffer) throws(MessageCodingError) -> Message {
        var reader = MessageReader(bytes)
        let byte: UInt8 = try reader.integer("message")
        guard let tag = Tag(rawValue: byte) else { throw .impossible("message", UInt64(byte)) }
        let message: Message
        switch tag {
        case .startAnnounced: message = .startAnnounced(try start(&reader))
        case .startConfirmed: message = .startConfirmed(try start(&reader))
        case .startConflict: message = .startConflict(try start(&reader))
        case .fetch:
            var fetch = Fetch(correlation: try reader.integer("correlation"), key: try reader.key())
            let count: UInt8 = try reader.integer("holders stood in for")
            for _ in 0..<count { fetch.standingInFor.append(try member(&reader)) }
            message = .fetch(fetch)
        case .fetched:
            message = .fetched(
                Fetched(correlation: try reader.integer("correlation"), result: try fetchedResult(&reader)))
        case .replicate:
            let correlation: UInt64 = try reader.integer("correlation")
            let number: UInt8 = try reader.integer("durability")
            guard let durability = WriteDurability(rawValue: number) else {
                throw .impossible("durability", UInt64(number))
            }
            let holder = try reader.flag("stands in") ? try member(&reader) : nil
            message = .replicate(
                Replicate(
                    correlation: correlation, key: try reader.key(), object: try reader.object(), durability,
                    standingInFor: holder))
        case .replicated:
            message = .replicated(
                Replicated(correlation: try reader.integer("correlation"), result: try replicatedResult(&reader)))
        case .forward:
            message = .forward(
                Forward(
                    correlation: try reader.integer("correlation"), start: try reader.integer("start"),
                    sequence: try reader.integer("sequence"), receiver: try reader.integer("receiver's session"),
                    request: try request(&reader)))
        case .forwarded:
            message = .forwarded(
                Forwarded(correlation: try reader.integer("correlation"), reply: try reply(&reader)))
        case .askTrees:
            message = .askTrees(
                TreeInquiry(
                    correlation: try reader.integer("correlation"), store: try reader.text("store"),
                    types: try reader.integer("bucket types"), question: try treeQuestion(&reader)))
        case .treesAnswered:
            message = .treesAnswered(
                TreeReport(correlation: try reader.integer("correlation"), answer: try treeAnswer(&reader)))
        case .probe: message = .probe
        case .probed: message = .probed
        }
        try reader.end()
        return message
    }

    private static func member(_ reader: inout MessageReader) throws(MessageCodingError) -> MemberID {
        MemberID(rawValue: try reader.integer("member"))
    }

    private static func begin(_ tag: Tag, _ correlation: Correlation, into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(tag.rawValue, correlation)
    }

    private static func write(_ tag: Tag, _ start: StartRecord, into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(tag.rawValue, start.number, start.session, start.incarnation)
    }

    private static func start(_ reader: inout MessageReader) throws(MessageCodingError) -> StartRecord {
        let start = StartRecord(
            number: try reader.integer("start number"), session: try reader.integer("session"),
            incarnation: try reader.integer("incarnation"))
        // Receivers remember it, and count on from it.
        guard start.isPlausible else { throw .impossible("start number or incarnation", start.number) }
        return start
    }

    // MARK: Results: 0 and 1 for what succeeded, 2 for a failure

    private static func write(_ result: Result<VersionedObject?, ReplicaFailure>, into buffer: inout ByteBuffer) {
        switch result {
        case .success(nil): buffer.writeInteger(UInt8(0))
        case .success(let object?):
            buffer.writeInteger(UInt8(1))
            object.encode(into: &buffer)
        case .failure(let failure):
            buffer.writeInteger(UInt8(2))
            write(failure, into: &buffer)
        }
    }

    private static func fetchedResult(
        _ reader: inout MessageReader
    ) throws(MessageCodingError) -> Result<VersionedObject?, ReplicaFailure> {
        let kind: UInt8 = try reader.integer("result")
        switch kind {
        case 0: return .success(nil)
        case 1: return .success(try reader.object())
        case 2: return .failure(try replicaFailure(&reader))
        default: throw .impossible("result", UInt64(kind))
        }
    }

    private static func write(_ result: Result<Bool, ReplicaFailure>, into buffer: inout ByteBuffer) {
        switch result {
        case .success(let durable): buffer.writeFlag(durable)
        case .failure(let failure):
            buffer.writeInteger(UInt8(2))
            write(failure, into: &buffer)
        }
    }

    private static func replicatedResult(
        _ reader: inout MessageReader
    ) throws(MessageCodingError) -> Result<Bool, ReplicaFailure> {
        let kind: UInt8 = try reader.integer("result")
        switch kind {
        case 0: return .success(false)
        case 1: return .success(true)
        case 2: return .failure(try replicaFailure(&reader))
        default: throw .impossible("result", UInt64(kind))
        }
    }
}
