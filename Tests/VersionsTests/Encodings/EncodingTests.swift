import NIOCore
import Testing

@testable import Versions

@Suite("Encoding of objects")
struct EncodingTests {
    /// Any object that holds what must always hold, with numbers of all sizes.
    static func randomObject(_ random: inout SplitMix64) -> VersionedObject {
        func number() -> UInt64 { UInt64.random(in: 0 ... .max, using: &random) >> UInt64(random.below(64)) }
        func bytes() -> ByteBuffer {
            ByteBuffer(bytes: (0..<random.below(12)).map { _ in UInt8.random(in: 0 ... .max, using: &random) })
        }
        var entries: [VersionVector.Entry] = []
        let node = number()
        for _ in 0...random.below(5) {
            let actor = Actor(node: random.chance(1, in: 2) ? node : number(), incarnation: number(), birth: number())
            guard !entries.contains(where: { $0.actor == actor }) else { continue }
            entries.append(.init(actor: actor, counter: max(1, number()), updated: UInt32(number() & 0xffff_ffff)))
        }
        entries.sort { $0.actor < $1.actor }
        var dots: [Dot] = []
        for _ in 0...random.below(4) {
            let entry = entries[random.below(entries.count)]
            let dot = Dot(actor: entry.actor, counter: max(1, entry.counter - number() % entry.counter))
            if !dots.contains(dot) { dots.append(dot) }
        }
        let siblings = dots.sorted().map {
            Sibling(
                dot: $0, stamp: HybridTime(rawValue: number()), isTombstone: random.chance(1, in: 3),
                content: Content(metadata: bytes(), value: bytes()))
        }
        return VersionedObject(vector: VersionVector(sorted: entries), siblings: siblings)
    }

    static func encoded(_ object: VersionedObject) -> ByteBuffer {
        var buffer = ByteBuffer()
        object.encode(into: &buffer)
        return buffer
    }

    /// What must always hold.
    static func isValid(_ object: VersionedObject) -> Bool {
        let vector = object.vector
        let entriesAscend = zip(vector.entries, vector.entries.dropFirst()).allSatisfy { $0.actor < $1.actor }
        let siblingsAscend = zip(object.siblings, object.siblings.dropFirst()).allSatisfy { $0.dot < $1.dot }
        return entriesAscend && siblingsAscend && vector.entries.allSatisfy { $0.counter > 0 }
            && !object.siblings.isEmpty
            && object.siblings.allSatisfy { $0.dot.counter > 0 && vector.covers($0.dot) }
    }

    @Test("an object comes back as it was, and leaves what follows alone")
    func roundTrip() throws {
        for seed in 0..<3_000 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            let object = Self.randomObject(&random)
            var buffer = ByteBuffer(string: "before")
            object.encode(into: &buffer)
            buffer.writeString("after")
            buffer.moveReaderIndex(forwardBy: 6)
            let decoded = try VersionedObject(decoding: &buffer)
            #expect(decoded == object, "seed \(seed)")
            #expect(buffer.readString(length: buffer.readableBytes) == "after", "seed \(seed)")
        }
    }

    @Test("values come back as slices of the buffer, not as copies")
    func slices() throws {
        var node = Replica(node: 1)
        let value = String(repeating: "v", count: 1 << 20)
        let object = try node.put(value, context: nil).object
        var buffer = Self.encoded(object)
        let bytes = buffer.withVeryUnsafeBytes {
            UInt(bitPattern: $0.baseAddress)..<UInt(bitPattern: $0.baseAddress) + UInt($0.count)
        }
        let decoded = try VersionedObject(decoding: &buffer)
        let content = decoded.siblings[0].content
        #expect(content.value.readableBytes == 1 << 20)
        #expect(content.value.withUnsafeReadableBytes { bytes.contains(UInt(bitPattern: $0.baseAddress)) })
    }

    @Test("a small object costs about twenty bytes beside its value")
    func compact() throws {
        var node = Replica(node: 3)
        let object = try node.put("value", context: nil).object
        // Counts, four small numbers and a time; two numbers, a stamp, flags and two lengths.
        #expect(Self.encoded(object).readableBytes == 1 + 4 + 4 + 1 + 2 + 8 + 1 + 1 + 1 + 5)
    }

    @Test("every truncation throws, and leaves the buffer as it was")
    func truncations() {
        for seed in 0..<100 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            let whole = Self.encoded(Self.randomObject(&random))
            for length in 0..<whole.readableBytes {
                var cut = whole.getSlice(at: 0, length: length) ?? ByteBuffer()
                #expect(throws: DecodingFailure.self, "seed \(seed), \(length) bytes") {
                    try VersionedObject(decoding: &cut)
                }
                #expect(cut.readableBytes == length)
            }
        }
    }

    @Test("every byte changed to every other value either throws or decodes to a valid object, in its one encoding")
    func corruptions() {
        var refused = 0
        var taken = 0
        let small = (0..<200 as Range<UInt64>).map { seed in
            var random = SplitMix64(seed: seed)
            return Self.encoded(Self.randomObject(&random))
        }.filter { (60..<80).contains($0.readableBytes) }
        for whole in small.prefix(3) {
            for place in 0..<whole.readableBytes {
                for value in 0...UInt8.max where value != whole.getInteger(at: place) {
                    var changed = whole
                    changed.setInteger(value, at: place)
                    var rest = changed
                    guard let object = try? VersionedObject(decoding: &rest) else {
                        refused += 1
                        continue
                    }
                    taken += 1
                    let read = changed.readSlice(length: changed.readableBytes - rest.readableBytes)
                    guard Self.isValid(object), Self.encoded(object) == read else {
                        Issue.record("byte \(place) of \(whole) = \(value): \(object)")
                        return
                    }
                }
            }
        }
        #expect(refused > 5_000 && taken > 5_000, "\(refused) refused, \(taken) taken")
    }

    @Test("random bytes never trap")
    func garbage() {
        var decoded = 0
        for seed in 0..<20_000 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            // Small numbers, so that some get past the counts.
            let bytes = (0..<random.below(80)).map { _ in UInt8(random.below(random.chance(1, in: 9) ? 256 : 4)) }
            var buffer = ByteBuffer(bytes: bytes)
            if let object = try? VersionedObject(decoding: &buffer) {
                decoded += 1
                #expect(Self.isValid(object), "seed \(seed)")
            }
        }
        #expect(decoded > 0)
    }

    @Test("counts and lengths that the bytes cannot hold are refused before anything is allocated")
    func hostileCounts() {
        for count in [9, 1 << 20, 1 << 40, UInt64.max] {
            var vector = ByteBuffer()
            vector.writeVarint(count)
            vector.writeBytes([UInt8](repeating: 1, count: 64))
            expect(.truncated, in: "vector", of: vector)

            var siblings = ByteBuffer(bytes: [1, 1, 1, 1, 1, 0, 0, 0, 0])
            siblings.writeVarint(count)
            siblings.writeBytes([UInt8](repeating: 0, count: 64))
            expect(.truncated, in: "siblings", of: siblings)

            var value = ByteBuffer(bytes: [1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0] + [UInt8](repeating: 0, count: 10))
            value.writeVarint(count)
            value.writeBytes([UInt8](repeating: 0, count: 8))
            expect(.truncated, in: "value", of: value)
        }
    }

    @Test("each thing that cannot be is refused by name")
    func refusals() {
        let entry: [UInt8] = [1, 1, 1, 2, 0, 0, 0, 9]
        func sibling(_ index: UInt8, _ behind: UInt8, flags: UInt8 = 0) -> [UInt8] {
            [index, behind, 0, 0, 0, 0, 0, 0, 0, 5, flags, 0, 0]
        }
        func refuse(_ bytes: [UInt8], _ reason: DecodingFailure.Reason, _ field: String, _ line: Int = #line) {
            expect(reason, in: field, of: ByteBuffer(bytes: bytes))
        }
        refuse([1] + entry + [0], .impossible, "siblings")
        refuse([0, 1] + sibling(0, 0), .impossible, "dot's entry")
        refuse([1] + entry + [1] + sibling(0, 2), .impossible, "dot's distance")
        refuse([1] + entry + [1] + sibling(0, 0, flags: 2), .impossible, "sibling flags")
        refuse([1] + entry + [2] + sibling(0, 0) + sibling(0, 0), .unordered, "sibling")
        refuse([1] + entry + [2] + sibling(0, 0) + sibling(0, 1), .unordered, "sibling")
        refuse([2] + entry + [0, 1, 1, 2, 0, 0, 0, 9], .unordered, "vector entry")
        refuse([2] + entry + [0, 0, 9, 2, 0, 0, 0, 9], .unordered, "vector entry")
        refuse([1, 1, 1, 1, 0, 0, 0, 0, 9], .impossible, "counter")
        refuse([0x81, 0x00] + entry, .notCanonical, "vector")
        let tooFar = [UInt8](repeating: 0xff, count: 9) + [0x01]
        refuse([2, 1, 1, 1, 2, 0, 0, 0, 9] + tooFar + [1, 1, 2, 0, 0, 0, 9], .notCanonical, "node")
        refuse([1] + [UInt8](repeating: 0xff, count: 9) + [0x02], .notCanonical, "node")
        // The well-formed one that all of these are next to.
        var good = ByteBuffer(bytes: [1] + entry + [2] + sibling(0, 1) + sibling(0, 0))
        #expect(throws: Never.self) { try VersionedObject(decoding: &good) }
    }

    @Test("a mark comes back as it was, and a cut one is refused")
    func marks() throws {
        let mark = MintMark(incarnation: 3, birth: 1 << 40, counter: .max)
        var whole = ByteBuffer()
        mark.encode(into: &whole)
        for length in 0..<whole.readableBytes {
            var cut = whole.getSlice(at: 0, length: length) ?? ByteBuffer()
            #expect(throws: DecodingFailure.self) { try MintMark(decoding: &cut) }
        }
        #expect(try MintMark(decoding: &whole) == mark)
        #expect(whole.readableBytes == 0)
    }

    private func expect(_ reason: DecodingFailure.Reason, in field: String, of bytes: ByteBuffer) {
        var buffer = bytes
        do {
            let object = try VersionedObject(decoding: &buffer)
            Issue.record("\(field) should be \(reason), but read \(object)")
        } catch {
            #expect(error.reason == reason, "\(error)")
            #expect(error.field == field, "\(error)")
        }
    }
}
