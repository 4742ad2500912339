import NIOCore
import Testing

@testable import Versions

@Suite("SipHash-2-4")
struct SipHashTests {
    /// Key 00 01 … 0f over the message 00 01 … of the given length, from the authors' reference vectors.
    private static let reference: [(length: Int, short: String, wide: String)] = [
        (0, "310e0edd47db6f72", "a3817f04ba25a8e66df67214c7550293"),
        (1, "fd67dc93c539f874", "da87c1d86b99af44347659119b22fc45"),
        (2, "5a4fa9d909806c0d", "8177228da4a45dc7fca38bdef60affe4"),
        (7, "37d1018bf50002ab", "a1f1ebbed8dbc153c0b84aa61ff08239"),
        (8, "6224939a79f5f593", "3b62a9ba6258f5610f83e264f31497b4"),
        (9, "b0e4a90bdf82009e", "264499060ad9baabc47f8b02bb6d71ed"),
        (15, "e545be4961ca29a1", "5493e99933b0a8117e08ec0f97cfc3d9"),
        (16, "db9bc2577fcc2a3f", "6ee2a4ca67b054bbfd3315bf85230577"),
        (31, "42c341d8fa92d832", "2939b0183223fafc1723de4f52c43d35"),
        (32, "ce7cf2722f512771", "7c3956ca5eeafc3e363e9d556546eb68"),
        (63, "724506eb4c328a95", "5150d1772f50834a503e069a973fbd7c"),
    ]

    private static let key = ContextKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)

    private func hexadecimal(_ words: UInt64...) -> String {
        words.flatMap { word in
            (0..<8).map { place in
                let byte = String((word >> (8 * UInt64(place))) & 0xff, radix: 16)
                return byte.count == 1 ? "0" + byte : byte
            }
        }.joined()
    }

    @Test("the reference vectors, in 64 and 128 bits, whole and in two pieces cut anywhere")
    func referenceVectors() {
        for (length, short, wide) in Self.reference {
            let message = (0..<length).map { UInt8($0) }
            for cut in 0...length {
                var narrow = SipHash(key: Self.key)
                var broad = SipHash(key: Self.key, wide: true)
                for piece in [message[..<cut], message[cut...]] {
                    piece.withUnsafeBytes {
                        narrow.append($0)
                        broad.append($0)
                    }
                }
                #expect(hexadecimal(narrow.finish()) == short, "length \(length), cut at \(cut)")
                let tag = broad.finishWide()
                #expect(hexadecimal(tag.first, tag.second) == wide, "length \(length), cut at \(cut)")
            }
        }
    }

    @Test("an integer is eight bytes, the lowest first")
    func integers() {
        var hash = SipHash(key: Self.key)
        hash.append(0x0706_0504_0302_0100)
        #expect(hexadecimal(hash.finish()) == "6224939a79f5f593")
    }
}
