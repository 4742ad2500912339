import NIOCore
import Node
import Versions

/// Why replicas and coordinators did not do what was asked.
extension MessageCoding {
    static func write(_ failure: ReplicaFailure, into buffer: inout ByteBuffer) {
        switch failure {
        case .storage(let failure):
            buffer.writeInteger(UInt8(1))
            write(failure, into: &buffer)
        case .unknownBucketType: buffer.writeInteger(UInt8(2))
        case .stampAhead(let milliseconds):
            buffer.writeInteger(UInt8(3))
            buffer.writeInteger(milliseconds)
        case .linkLost: buffer.writeInteger(UInt8(4))
        }
    }

    static func replicaFailure(_ reader: inout MessageReader) throws(MessageCodingError) -> ReplicaFailure {
        let kind: UInt8 = try reader.integer("replica's failure")
        switch kind {
        case 1: return .storage(try storageFailure(&reader))
        case 2: return .unknownBucketType
        case 3: return .stampAhead(milliseconds: try reader.integer("milliseconds ahead"))
        case 4: return .linkLost
        default: throw .impossible("replica's failure", UInt64(kind))
        }
    }

    static func write(_ failure: StorageFailure, into buffer: inout ByteBuffer) {
        switch failure {
        case .damaged: buffer.writeInteger(UInt8(1))
        case .full: buffer.writeInteger(UInt8(2))
        case .ended(let why):
            buffer.writeInteger(UInt8(3))
            buffer.writeText(why)
        case .failed(let why):
            buffer.writeInteger(UInt8(4))
            buffer.writeText(why)
        case .tooLarge(let bytes, let limit):
            buffer.writeInteger(UInt8(5))
            buffer.writeCount(bytes)
            buffer.writeCount(limit)
        case .tooManySiblings(let count, let limit):
            buffer.writeInteger(UInt8(6))
            buffer.writeCount(count)
            buffer.writeCount(limit)
        case .overloaded: buffer.writeInteger(UInt8(7))
        case .hintsFull(let limit):
            buffer.writeInteger(UInt8(9))
            buffer.writeCount(limit)
        case .conditionFailed(let failure):
            buffer.writeInteger(UInt8(8))
            write(failure, into: &buffer)
        }
    }

    private static func storageFailure(_ reader: inout MessageReader) throws(MessageCodingError) -> StorageFailure {
        let kind: UInt8 = try reader.integer("storage failure")
        switch kind {
        case 1: return .damaged
        case 2: return .full
        case 3: return .ended(try reader.text("reason"))
        case 4: return .failed(try reader.text("reason"))
        case 5: return .tooLarge(bytes: try reader.count("bytes"), limit: try reader.count("limit"))
        case 6: return .tooManySiblings(count: try reader.count("siblings"), limit: try reader.count("limit"))
        case 7: return .overloaded
        case 8: return .conditionFailed(try conditionFailure(&reader))
        case 9: return .hintsFull(limit: try reader.count("limit"))
        default: throw .impossible("storage failure", UInt64(kind))
        }
    }

    static func write(_ failure: RequestFailure, into buffer: inout ByteBuffer) {
        switch failure {
        case .unknownBucketType(let name):
            buffer.writeInteger(UInt8(1))
            buffer.writeText(name)
        case .badName(let part, let length, let limit):
            buffer.writeInteger(UInt8(2))
            buffer.writeText(part)
            buffer.writeCount(length)
            buffer.writeCount(limit)
        case .objectTooLarge(let bytes, let limit):
            buffer.writeInteger(UInt8(3))
            buffer.writeCount(bytes)
            buffer.writeCount(limit)
        case .quorumAboveN(let kind, let asked, let n):
            write(4, kind, asked, n, into: &buffer)
        case .contextRefused(let why):
            buffer.writeInteger(UInt8(5))
            buffer.writeText(why)
        case .tooFewReachable(let kind, let needed, let reachable):
            write(6, kind, needed, reachable, into: &buffer)
        case .notEnoughReplies(let kind, let needed, let got):
            write(7, kind, needed, got, into: &buffer)
        case .timedOut(let kind, let needed, let got, let milliseconds):
            write(8, kind, needed, got, into: &buffer)
            buffer.writeCount(milliseconds)
        case .coordinatorLost(let name):
            buffer.writeInteger(UInt8(9))
            buffer.writeText(name)
        case .storage(let failure):
            buffer.writeInteger(UInt8(10))
            write(failure, into: &buffer)
        case .notReady: buffer.writeInteger(UInt8(11))
        case .overloaded(let waiting, let limit):
            buffer.writeInteger(UInt8(12))
            buffer.writeCount(waiting)
            buffer.writeCount(limit)
        case .coordinatorUnreachable(let name):
            buffer.writeInteger(UInt8(13))
            buffer.writeText(name)
        case .clockAhead(let milliseconds): buffer.writeMultipleIntegers(UInt8(14), milliseconds)
        case .clockBehind(let milliseconds): buffer.writeMultipleIntegers(UInt8(15), milliseconds)
        case .conditionFailed(let failure):
            buffer.writeInteger(UInt8(16))
            write(failure, into: &buffer)
        }
    }

    static func requestFailure(_ reader: inout MessageReader) throws(MessageCodingError) -> RequestFailure {
        let kind: UInt8 = try reader.integer("request's failure")
        switch kind {
        case 1: return .unknownBucketType(try reader.text("bucket type"))
        case 2:
            return .badName(
                part: try reader.text("part"), length: try reader.count("length"), limit: try reader.count("limit"))
        case 3: return .objectTooLarge(bytes: try reader.count("bytes"), limit: try reader.count("limit"))
        case 4:
            return .quorumAboveN(try quorumKind(&reader), asked: try reader.count("asked"), n: try reader.count("n"))
        case 5: return .contextRefused(try reader.text("reason"))
        case 6:
            return .tooFewReachable(
                try quorumKind(&reader), needed: try reader.count("needed"), reachable: try reader.count("reachable"))
        case 7:
            return .notEnoughReplies(
                try quorumKind(&reader), needed: try reader.count("needed"), got: try reader.count("got"))
        case 8:
            return .timedOut(
                try quorumKind(&reader), needed: try reader.count("needed"), got: try reader.count("got"),
                milliseconds: try reader.count("milliseconds"))
        case 9: return .coordinatorLost(try reader.text("coordinator"))
        case 10: return .storage(try storageFailure(&reader))
        case 11: return .notReady
        case 12: return .overloaded(waiting: try reader.count("waiting"), limit: try reader.count("limit"))
        case 13: return .coordinatorUnreachable(try reader.text("coordinator"))
        case 14: return .clockAhead(milliseconds: try reader.integer("milliseconds"))
        case 15: return .clockBehind(milliseconds: try reader.integer("milliseconds"))
        case 16: return .conditionFailed(try conditionFailure(&reader))
        default: throw .impossible("request's failure", UInt64(kind))
        }
    }

    private static func write(_ failure: ConditionFailure, into buffer: inout ByteBuffer) {
        switch failure {
        case .exists: buffer.writeInteger(UInt8(1))
        case .missing: buffer.writeInteger(UInt8(2))
        case .modified: buffer.writeInteger(UInt8(3))
        }
    }

    private static func conditionFailure(
        _ reader: inout MessageReader
    ) throws(MessageCodingError) -> ConditionFailure {
        let number: UInt8 = try reader.integer("failed condition")
        switch number {
        case 1: return .exists
        case 2: return .missing
        case 3: return .modified
        default: throw .impossible("failed condition", UInt64(number))
        }
    }

    private static func write(
        _ tag: UInt8, _ kind: QuorumKind, _ first: Int, _ second: Int, into buffer: inout ByteBuffer
    ) {
        let number: UInt8 =
            switch kind {
            case .r: 1
            case .pr: 2
            case .w: 3
            case .pw: 4
            case .dw: 5
            }
        buffer.writeMultipleIntegers(tag, number)
        buffer.writeCount(first)
        buffer.writeCount(second)
    }

    private static func quorumKind(_ reader: inout MessageReader) throws(MessageCodingError) -> QuorumKind {
        let number: UInt8 = try reader.integer("quorum's kind")
        switch number {
        case 1: return .r
        case 2: return .pr
        case 3: return .w
        case 4: return .pw
        case 5: return .dw
        default: throw .impossible("quorum's kind", UInt64(number))
        }
    }
}
