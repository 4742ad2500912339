import NIOCore
import Testing

@testable import Versions

@Suite("Contexts")
struct ContextTests {
    private let secret = ContextKey(0x1234_5678_9abc_def0, 0x0fed_cba9_8765_4321)
    private let key = ByteBuffer(string: "default/cart/42")

    private func randomContext(_ random: inout SplitMix64) -> Context {
        let object = EncodingTests.randomObject(&random)
        let fastest = random.chance(1, in: 2) ? UInt64(random.below(1 << 30)) : nil
        return object.context(fastest: fastest)
    }

    @Test("a context comes back as it was sealed, and the same one always gives the same bytes")
    func roundTrip() throws {
        for seed in 0..<1_000 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            let context = randomContext(&random)
            let sealed = context.sealed(with: secret, boundTo: key)
            #expect(try Context.opened(sealed, with: secret, boundTo: key) == context, "seed \(seed)")
            #expect(context.sealed(with: secret, boundTo: key) == sealed, "seed \(seed)")
        }
        let empty = Context(vector: VersionVector(), stamp: .zero)
        let sealed = empty.sealed(with: secret, boundTo: key)
        #expect(sealed.readableBytes == ContextSeal.shortest)
        #expect(try Context.opened(sealed, with: secret, boundTo: key) == empty)
    }

    @Test("a context of another cluster, another key, or with any bit changed, cut or added is refused")
    func forgeries() {
        var random = SplitMix64(seed: 1)
        for _ in 0..<20 {
            let sealed = randomContext(&random).sealed(with: secret, boundTo: key)
            func refuse(_ changed: ByteBuffer, as expected: ContextError, _ what: String) {
                #expect(throws: expected, "\(what)") { try Context.opened(changed, with: secret, boundTo: key) }
            }
            #expect(throws: ContextError.foreign) {
                try Context.opened(sealed, with: ContextKey(1, 2), boundTo: key)
            }
            #expect(throws: ContextError.foreign) {
                try Context.opened(sealed, with: secret, boundTo: ByteBuffer(string: "default/cart/43"))
            }
            for bit in 0..<(8 * sealed.readableBytes) {
                var changed = sealed
                let byte: UInt8 = changed.getInteger(at: bit / 8) ?? 0
                changed.setInteger(byte ^ (1 << UInt8(bit % 8)), at: bit / 8)
                refuse(changed, as: bit < 8 ? .unknownFormat(byte ^ (1 << UInt8(bit))) : .foreign, "bit \(bit)")
            }
            for length in 1..<sealed.readableBytes {
                let cut = sealed.getSlice(at: 0, length: length) ?? ByteBuffer()
                refuse(
                    cut, as: length < ContextSeal.shortest ? .truncated(length: length) : .foreign, "\(length) bytes")
            }
            refuse(ByteBuffer(), as: .unknownFormat(nil), "empty")
            var longer = sealed
            longer.writeInteger(UInt8(0))
            refuse(longer, as: .foreign, "longer")
        }
    }

    @Test("no byte can be shifted between the context and the key it is bound to")
    func boundary() {
        let context = Context(vector: VersionVector(), stamp: .zero)
        let one = context.sealed(with: secret, boundTo: ByteBuffer(string: "ab"))
        let other = context.sealed(with: secret, boundTo: ByteBuffer(bytes: [0x61, 0x62, 0x00]))
        #expect(one != other)
        #expect(context.sealed(with: secret, boundTo: ByteBuffer()) != one)
    }

    @Test("a rightly sealed context with a wrong inside is refused, not trusted")
    func malformed() {
        for body in [[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] as [[UInt8]] {
            var hash = SipHash(key: secret, wide: true)
            hash.append(UInt64(body.count))
            body.withUnsafeBytes { hash.append($0) }
            hash.append(UInt64(key.readableBytes))
            key.withUnsafeReadableBytes { hash.append($0) }
            let tag = hash.finishWide()
            var sealed = ByteBuffer(bytes: body)
            sealed.writeInteger(tag.first, endianness: .little)
            sealed.writeInteger(tag.second, endianness: .little)
            do throws(ContextError) {
                Issue.record("read \(try Context.opened(sealed, with: secret, boundTo: key))")
            } catch {
                guard case .malformed = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
    }

    @Test("every refusal says what came and what to do")
    func descriptions() {
        let errors: [ContextError] = [
            .unknownFormat(nil), .unknownFormat(9), .truncated(length: 3), .foreign,
            .malformed(DecodingFailure(.trailing, field: "context", offset: 4)),
        ]
        for error in errors { #expect(error.description.hasSuffix("use the context that comes with it")) }
        #expect(errors[1].description.contains("format 9"))
        #expect(errors[2].description.contains("3 bytes"))
    }

    @Test("a get's context covers every sibling and bears the greatest stamp")
    func ofObjects() {
        for seed in 0..<300 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            let object = EncodingTests.randomObject(&random)
            let context = object.context(fastest: 5)
            #expect(object.siblings.allSatisfy { context.vector.covers($0.dot) && $0.stamp <= context.stamp })
            #expect(object.siblings.contains { $0.stamp == context.stamp })
            #expect(context.fastest == 5)
        }
    }
}
