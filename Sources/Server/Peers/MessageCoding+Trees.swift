import NIOCore
import Node
import Placement

/// Questions about Merkle trees, and what is answered.
extension MessageCoding {
    static func write(_ question: TreeQuestion, into buffer: inout ByteBuffer) {
        switch question {
        case .roots(let trees):
            buffer.writeInteger(UInt8(1))
            buffer.writeInteger(UInt32(trees.count))
            for tree in trees { write(tree, into: &buffer) }
        case .sums(let tree, let level, let nodes):
            buffer.writeInteger(UInt8(2))
            write(tree, into: &buffer)
            buffer.writeInteger(UInt8(level))
            buffer.writeInteger(UInt32(nodes.count))
            for node in nodes { buffer.writeInteger(node) }
        case .keys(let listing):
            buffer.writeInteger(UInt8(3))
            write(listing.tree, into: &buffer)
            buffer.writeInteger(UInt32(listing.leaves.words.count))
            for word in listing.leaves.words { buffer.writeInteger(word) }
            for place in [listing.after, listing.upTo] {
                buffer.writeOptional(place) { $0.writeLengthPrefixed($1) }
            }
        }
    }

    static func treeQuestion(_ reader: inout MessageReader) throws(MessageCodingError) -> TreeQuestion {
        let kind: UInt8 = try reader.integer("question")
        switch kind {
        case 1:
            var trees: [TreeID] = []
            for _ in 0..<(try items(&reader, "trees", each: 4)) { trees.append(try tree(&reader)) }
            return .roots(trees)
        case 2:
            let tree = try tree(&reader)
            let level: UInt8 = try reader.integer("level")
            var nodes: [UInt32] = []
            for _ in 0..<(try items(&reader, "nodes", each: 4)) { nodes.append(try reader.integer("node")) }
            return .sums(tree, level: Int(level), nodes: nodes)
        case 3:
            let tree = try tree(&reader)
            var words: [UInt64] = []
            for _ in 0..<(try items(&reader, "leaves", each: 8)) { words.append(try reader.integer("leaves")) }
            return .keys(
                TreeListing(
                    tree: tree, leaves: LeafSet(words: words),
                    after: try reader.flag("after") ? try reader.bytes("after") : nil,
                    upTo: try reader.flag("up to") ? try reader.bytes("up to") : nil))
        default: throw .impossible("question", UInt64(kind))
        }
    }

    static func write(_ answer: TreeAnswer, into buffer: inout ByteBuffer) {
        switch answer {
        case .unavailable: buffer.writeInteger(UInt8(0))
        case .busy: buffer.writeInteger(UInt8(4))
        case .roots(let roots):
            buffer.writeInteger(UInt8(1))
            buffer.writeInteger(UInt32(roots.count))
            for root in roots { buffer.writeOptional(root) { $0.writeInteger($1) } }
        case .sums(let sums):
            buffer.writeInteger(UInt8(2))
            buffer.writeInteger(UInt32(sums.count))
            for sum in sums { buffer.writeInteger(sum) }
        case .keys(let keys):
            buffer.writeInteger(UInt8(3))
            buffer.writeInteger(UInt32(keys.entries.count))
            for entry in keys.entries {
                buffer.writeLengthPrefixed(entry.key.canonicalBytes)
                buffer.writeInteger(entry.digest)
            }
            buffer.writeOptional(keys.last) { $0.writeLengthPrefixed($1) }
        }
    }

    static func treeAnswer(_ reader: inout MessageReader) throws(MessageCodingError) -> TreeAnswer {
        let kind: UInt8 = try reader.integer("answer about trees")
        switch kind {
        case 0: return .unavailable
        case 1:
            var roots: [UInt64?] = []
            for _ in 0..<(try items(&reader, "roots", each: 1)) {
                roots.append(try reader.flag("root") ? try reader.integer("root") : nil)
            }
            return .roots(roots)
        case 2:
            var sums: [UInt64] = []
            for _ in 0..<(try items(&reader, "sums", each: 8)) { sums.append(try reader.integer("sum")) }
            return .sums(sums)
        case 3:
            var entries: [TreeKeys.Entry] = []
            for _ in 0..<(try items(&reader, "keys", each: 12)) {
                entries.append(TreeKeys.Entry(key: try reader.key(), digest: try reader.integer("digest")))
            }
            return .keys(TreeKeys(entries: entries, last: try reader.flag("last") ? try reader.bytes("last") : nil))
        case 4: return .busy
        default: throw .impossible("answer about trees", UInt64(kind))
        }
    }

    private static func write(_ tree: TreeID, into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(UInt16(truncatingIfNeeded: tree.partition), UInt16(truncatingIfNeeded: tree.n))
    }

    private static func tree(_ reader: inout MessageReader) throws(MessageCodingError) -> TreeID {
        let partition: UInt16 = try reader.integer("partition")
        let n: UInt16 = try reader.integer("n")
        return TreeID(partition: Int(partition), n: Int(n))
    }

    /// A number of items that the bytes which are there can hold.
    private static func items(
        _ reader: inout MessageReader, _ field: StaticString, each bytes: Int
    ) throws(MessageCodingError) -> UInt32 {
        let count: UInt32 = try reader.integer(field)
        guard Int(count) <= reader.buffer.readableBytes / bytes else {
            throw .impossible(StaticText(stringLiteral: field), UInt64(count))
        }
        return count
    }
}
