import Foundation
import NIOCore
import Placement
import Testing

/// A key, its parts percent-encoded, and where it must lie.
private struct KeyVector: Equatable, CustomStringConvertible {
    var type: String
    var bucket: String
    var key: String
    var hash: String
    var partition: Int

    init(_ type: String, _ bucket: String, _ key: String, _ hash: String, _ partition: Int) {
        self.type = type
        self.bucket = bucket
        self.key = key
        self.hash = hash
        self.partition = partition
    }

    var objectKey: ObjectKey {
        ObjectKey(type: Self.decoded(type), bucket: Self.decoded(bucket), key: Self.decoded(key))
    }

    var description: String { "\(type)/\(bucket)/\(key) -> \(hash), \(partition)" }

    private static func decoded(_ text: String) -> ByteBuffer {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            rest = rest.dropFirst(2)
            guard let value = UInt8(digits, radix: 16) else {
                Issue.record("\(text) is badly percent-encoded")
                continue
            }
            bytes.append(value)
        }
        return ByteBuffer(bytes: bytes)
    }

    /// Hashes from Python's hashlib.
    static let all = [
        KeyVector("default", "", "", "6f8036404e6f0c433053aed58f733849", 111),
        KeyVector("", "", "", "8dd6bb7329a71449b0a1b292b5999164", 141),
        KeyVector("default", "shop", "basket", "13652ac7cde7c67ca5dc672147e8987d", 19),
        KeyVector("default", "shopb", "asket", "7abf692959885f7c0d484573ff913d8b", 122),
        KeyVector("defaultshop", "", "basket", "fa0b4da2f8c2fbe52a970071ebcc9629", 250),
        KeyVector("default", "catalogue", "a", "5327d17af7913102f508794b3b3d9d74", 83),
        KeyVector("cart", "users", "ann%40example.org", "85e78ed3e42de45aa65b6805ed2a4924", 133),
        KeyVector("cart", "users", "bob", "9e2820b8d71d4143acde0f8aa27d2855", 158),
        KeyVector("default", "b%00", "%00%FF%7C", "4aea056f5682d873281cf76e08ce8ea6", 74),
        KeyVector("default", "b", "%F0%9F%9B%92", "ddb168a25909cbdf3d8dbc2746e0753e", 221),
        KeyVector(
            "sessions", "2024", String(repeating: "k", count: 64), "963e91ce2828a3e501e76f8b635720a3", 150),
        KeyVector(
            "sessions", "2024", String(repeating: "k", count: 27), "d4bb8a150dc2427dee43a68a6c610062", 212),
        KeyVector("default", "dpkg", "libc6", "5729f2b989d200394165734b6fab32e7", 87),
        KeyVector("default", "dpkg", "zlib1g", "e5769be53fbea0934f480b2c307a0957", 229),
        KeyVector("large", "images", "a%2Fb%2Fc%20d.png", "f1f5044d306f31547e60f3cca5c1708c", 241),
        KeyVector("default", "numbers", "1", "77c9504b6d2340603bac852c55431643", 119),
    ]
}

@Suite("Object keys")
struct ObjectKeyTests {
    @Test("each key of the fixed table has its hash and its partition of 256")
    func fixedTable() throws {
        let partitioning = try Partitioning(count: 256)
        for vector in KeyVector.all {
            let key = vector.objectKey
            #expect(key.hash128.description == vector.hash, "\(vector)")
            #expect(partitioning.partition(of: key) == vector.partition, "\(vector)")
            #expect(key.description == "\(vector.type)/\(vector.bucket)/\(vector.key)")
        }
    }

    @Test("docs/placement-vectors.md holds the same table")
    func documentedTable() throws {
        let file = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("docs/placement-vectors.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst(2)
        let documented = rows.map { row in
            let cells = row.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
                .map { $0.trimmingCharacters(in: .whitespaces) }
            #expect(cells.count == 5, "\(row)")
            return KeyVector(cells[0], cells[1], cells[2], cells[3], Int(cells[4]) ?? -1)
        }
        #expect(documented == KeyVector.all)
    }

    @Test("a partition is the top bits of the hash, for every allowed count")
    func partitionsOfAllCounts() throws {
        for bits in 0...16 {
            let partitioning = try Partitioning(count: 1 << bits)
            #expect(partitioning.partition(of: KeyHash(high: 0, low: .max)) == 0)
            #expect(partitioning.partition(of: KeyHash(high: .max, low: 0)) == partitioning.count - 1)
            for partition in 1..<max(2, partitioning.count) where partitioning.count > 1 {
                let first = KeyHash(high: UInt64(partition) << UInt64(64 - bits), low: 0)
                #expect(partitioning.partition(of: first) == partition)
                #expect(partitioning.partition(of: KeyHash(high: first.high - 1, low: .max)) == partition - 1)
            }
        }
    }

    @Test("a count of partitions that is no power of two from 1 to 65536 is refused")
    func refusedCounts() {
        for count in [Int.min, -256, -1, 0, 3, 6, 255, 257, 1000, 65_535, 65_537, 131_072, Int.max] {
            #expect(throws: PlacementError.partitionCount(count)) { try Partitioning(count: count) }
        }
    }

    @Test("the parts come back, and moving a byte from one part to the next gives another key")
    func partsAreKept() throws {
        let key = ObjectKey(type: "default", bucket: "shop", key: "basket")
        #expect(String(buffer: key.type) == "default")
        #expect(String(buffer: key.bucket) == "shop")
        #expect(String(buffer: key.key) == "basket")
        #expect(key != ObjectKey(type: "default", bucket: "shopb", key: "asket"))
        #expect(key == ObjectKey(type: "default", bucket: "shop", key: "basket"))
    }

    @Test("canonical bytes make the same key, also from the middle of a longer buffer")
    func canonicalRoundTrip() throws {
        for vector in KeyVector.all {
            let key = vector.objectKey
            var message = ByteBuffer(string: "before")
            message.writeImmutableBuffer(key.canonicalBytes)
            message.writeString("after")
            let slice = try #require(message.getSlice(at: 6, length: key.canonicalBytes.readableBytes))
            let received = try ObjectKey(canonical: slice)
            #expect(received == key)
            #expect(received.hashValue == key.hashValue)
            #expect(received.hash128 == key.hash128)
            #expect(received.key == key.key)
        }
    }

    @Test("canonical bytes that are cut short anywhere, or go on, are refused with the numbers")
    func refusedCanonicalBytes() throws {
        let whole = ObjectKey(type: "t", bucket: "bb", key: "kkk").canonicalBytes
        #expect(whole.readableBytes == 18)
        for count in 0..<18 {
            let cut = try #require(whole.getSlice(at: 0, length: count))
            let needed = count < 4 ? 4 : count < 5 ? 5 : count < 9 ? 9 : count < 11 ? 11 : count < 15 ? 15 : 18
            #expect(throws: PlacementError.truncatedKey(bytes: count, needed: needed), "\(count) bytes") {
                try ObjectKey(canonical: cut)
            }
        }
        var longer = whole
        longer.writeInteger(UInt8(0))
        #expect(throws: PlacementError.trailingKeyBytes(bytes: 19, expected: 18)) { try ObjectKey(canonical: longer) }
        var huge = ByteBuffer()
        huge.writeMultipleIntegers(UInt32.max, UInt32.max, UInt32.max)
        #expect(throws: PlacementError.truncatedKey(bytes: 12, needed: 4 + Int(UInt32.max))) {
            try ObjectKey(canonical: huge)
        }
    }

    @Test("a founder's id is the first 8 bytes of an MD5 of cluster and name, and reads back from its text")
    func foundingIDs() throws {
        // md5(00000000c "rotor member", 00000004 "shop", 00000001 "a"), from Python's hashlib.
        let id = MemberID.founding(cluster: "shop", name: "a")
        #expect(id.description == "43e5cc9152eecbb1")
        #expect(try MemberID(hexadecimal: "43e5cc9152eecbb1") == id)
        #expect(MemberID(rawValue: 10).description == "000000000000000a")
        #expect(id != .founding(cluster: "shop", name: "b"))
        #expect(id != .founding(cluster: "shopa", name: ""))
        for text in ["", "43e5cc9152eecbb", "43e5cc9152eecbb1a", "43e5cc9152eecbbg", "+3e5cc9152eecbb1"] {
            #expect(throws: PlacementError.memberID(text)) { try MemberID(hexadecimal: text) }
        }
    }

    @Test("a member whose weight is no number from 0.001 to 1000 is refused")
    func refusedWeights() {
        for weight in [0, -1, -0.0, 0.0009, 1000.1, .infinity, -.infinity, .leastNonzeroMagnitude] {
            #expect(throws: PlacementError.weight(weight, member: "a")) {
                try Member(id: MemberID(rawValue: 1), name: "a", zone: "z", weight: weight)
            }
        }
        #expect(throws: PlacementError.self) {
            try Member(id: MemberID(rawValue: 1), name: "a", zone: "z", weight: .nan)
        }
    }
}
