import NIOCore
import Node
import Placement
import Versions

/// Client requests that go to another coordinator, and its replies.
extension MessageCoding {
    static func write(_ request: ClientRequest, into buffer: inout ByteBuffer) {
        switch request {
        case .get(let get):
            buffer.writeInteger(UInt8(1))
            buffer.writeLengthPrefixed(get.key.canonicalBytes)
            write(get.r, into: &buffer)
            write(get.pr, into: &buffer)
            buffer.writeOptional(get.basicQuorum) { $0.writeFlag($1) }
            buffer.writeOptional(get.notFoundOK) { $0.writeFlag($1) }
            buffer.writeOptional(get.sloppyQuorum) { $0.writeFlag($1) }
            buffer.writeOptional(get.timeoutMilliseconds) { $0.writeCount($1) }
        case .put(let put):
            buffer.writeInteger(UInt8(2))
            buffer.writeLengthPrefixed(put.key.canonicalBytes)
            buffer.writeLengthPrefixed(put.content.metadata)
            buffer.writeLengthPrefixed(put.content.value)
            buffer.writeOptional(put.context) { $0.writeLengthPrefixed($1) }
            write(put.condition, into: &buffer)
            for quorum in [put.r, put.pr, put.w, put.pw, put.dw] { write(quorum, into: &buffer) }
            buffer.writeOptional(put.sloppyQuorum) { $0.writeFlag($1) }
            buffer.writeFlag(put.returnBody)
            buffer.writeOptional(put.timeoutMilliseconds) { $0.writeCount($1) }
        case .delete(let delete):
            buffer.writeInteger(UInt8(3))
            buffer.writeLengthPrefixed(delete.key.canonicalBytes)
            buffer.writeOptional(delete.context) { $0.writeLengthPrefixed($1) }
            write(delete.condition, into: &buffer)
            for quorum in [delete.r, delete.pr, delete.w, delete.pw, delete.dw] { write(quorum, into: &buffer) }
            buffer.writeOptional(delete.sloppyQuorum) { $0.writeFlag($1) }
            buffer.writeOptional(delete.timeoutMilliseconds) { $0.writeCount($1) }
        }
    }

    static func request(_ reader: inout MessageReader) throws(MessageCodingError) -> ClientRequest {
        let kind: UInt8 = try reader.integer("request")
        switch kind {
        case 1:
            var get = GetRequest(key: try reader.key())
            get.r = try quorum(&reader)
            get.pr = try quorum(&reader)
            get.basicQuorum = try optionalFlag(&reader, "basic quorum")
            get.notFoundOK = try optionalFlag(&reader, "not found")
            get.sloppyQuorum = try optionalFlag(&reader, "sloppy quorum")
            get.timeoutMilliseconds = try optionalCount(&reader, "timeout")
            return .get(get)
        case 2:
            let key = try reader.key()
            let content = Content(metadata: try reader.bytes("metadata"), value: try reader.bytes("value"))
            var put = PutRequest(key: key, content: content, context: try optionalBytes(&reader, "context"))
            put.condition = try condition(&reader)
            put.r = try quorum(&reader)
            put.pr = try quorum(&reader)
            put.w = try quorum(&reader)
            put.pw = try quorum(&reader)
            put.dw = try quorum(&reader)
            put.sloppyQuorum = try optionalFlag(&reader, "sloppy quorum")
            put.returnBody = try reader.flag("return body")
            put.timeoutMilliseconds = try optionalCount(&reader, "timeout")
            return .put(put)
        case 3:
            var delete = DeleteRequest(key: try reader.key(), context: try optionalBytes(&reader, "context"))
            delete.condition = try condition(&reader)
            delete.r = try quorum(&reader)
            delete.pr = try quorum(&reader)
            delete.w = try quorum(&reader)
            delete.pw = try quorum(&reader)
            delete.dw = try quorum(&reader)
            delete.sloppyQuorum = try optionalFlag(&reader, "sloppy quorum")
            delete.timeoutMilliseconds = try optionalCount(&reader, "timeout")
            return .delete(delete)
        default: throw .impossible("request", UInt64(kind))
        }
    }

    static func write(_ reply: ClientReply, into buffer: inout ByteBuffer) {
        switch reply {
        case .found(let found):
            buffer.writeInteger(UInt8(1))
            write(found, into: &buffer)
        case .notFound(let context):
            buffer.writeInteger(UInt8(2))
            buffer.writeOptional(context) { $0.writeLengthPrefixed($1) }
        case .stored(let found):
            buffer.writeInteger(UInt8(3))
            buffer.writeOptional(found) { write($1, into: &$0) }
        case .deleted:
            buffer.writeInteger(UInt8(4))
        case .failed(let failure):
            buffer.writeInteger(UInt8(5))
            write(failure, into: &buffer)
        }
    }

    static func reply(_ reader: inout MessageReader) throws(MessageCodingError) -> ClientReply {
        let kind: UInt8 = try reader.integer("reply")
        switch kind {
        case 1: return .found(try found(&reader))
        case 2: return .notFound(context: try optionalBytes(&reader, "context"))
        case 3: return .stored(try reader.flag("body") ? try found(&reader) : nil)
        case 4: return .deleted
        case 5: return .failed(try requestFailure(&reader))
        default: throw .impossible("reply", UInt64(kind))
        }
    }

    private static func write(_ found: FoundObject, into buffer: inout ByteBuffer) {
        buffer.writeLengthPrefixed(found.context)
        found.object.encode(into: &buffer)
    }

    private static func found(_ reader: inout MessageReader) throws(MessageCodingError) -> FoundObject {
        let context = try reader.bytes("context")
        return FoundObject(object: try reader.object(), context: context)
    }

    // MARK: Options

    /// 0 for none, 1 for absent, 2 and the context for unchanged.
    private static func write(_ condition: WriteCondition?, into buffer: inout ByteBuffer) {
        switch condition {
        case nil: buffer.writeInteger(UInt8(0))
        case .absent: buffer.writeInteger(UInt8(1))
        case .unchanged(let context):
            buffer.writeInteger(UInt8(2))
            buffer.writeLengthPrefixed(context)
        }
    }

    private static func condition(_ reader: inout MessageReader) throws(MessageCodingError) -> WriteCondition? {
        let kind: UInt8 = try reader.integer("condition")
        switch kind {
        case 0: return nil
        case 1: return .absent
        case 2: return .unchanged(since: try reader.bytes("condition's context"))
        default: throw .impossible("condition", UInt64(kind))
        }
    }

    /// 0 for none; 1 and the count; 2, 3, 4 for one, quorum, all.
    private static func write(_ quorum: Quorum?, into buffer: inout ByteBuffer) {
        switch quorum {
        case nil: buffer.writeInteger(UInt8(0))
        case .count(let count):
            buffer.writeInteger(UInt8(1))
            buffer.writeCount(count)
        case .one: buffer.writeInteger(UInt8(2))
        case .quorum: buffer.writeInteger(UInt8(3))
        case .all: buffer.writeInteger(UInt8(4))
        }
    }

    private static func quorum(_ reader: inout MessageReader) throws(MessageCodingError) -> Quorum? {
        let kind: UInt8 = try reader.integer("quorum")
        switch kind {
        case 0: return nil
        case 1: return .count(try reader.count("quorum's count"))
        case 2: return .one
        case 3: return .quorum
        case 4: return .all
        default: throw .impossible("quorum", UInt64(kind))
        }
    }

    private static func optionalFlag(
        _ reader: inout MessageReader, _ field: StaticString
    ) throws(MessageCodingError) -> Bool? {
        try reader.flag(field) ? try reader.flag(field) : nil
    }

    private static func optionalCount(
        _ reader: inout MessageReader, _ field: StaticString
    ) throws(MessageCodingError) -> Int? {
        try reader.flag(field) ? try reader.count(field) : nil
    }

    private static func optionalBytes(
        _ reader: inout MessageReader, _ field: StaticString
    ) throws(MessageCodingError) -> ByteBuffer? {
        try reader.flag(field) ? try reader.bytes(field) : nil
    }
}
