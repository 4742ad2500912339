import Testing

@testable import Placement

@Suite("MD5")
struct MD5Tests {
    private func digest(_ bytes: [UInt8]) -> String {
        bytes.withUnsafeBytes { MD5.hash($0) }.description
    }

    /// Bytes that differ from place to place: (7i + 3) mod 256.
    private func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
    }

    @Test("the test suite of RFC 1321, appendix A.5")
    func testSuiteOfTheStandard() {
        #expect(digest([]) == "d41d8cd98f00b204e9800998ecf8427e")
        #expect(digest(Array("a".utf8)) == "0cc175b9c0f1b6a831c399e269772661")
        #expect(digest(Array("abc".utf8)) == "900150983cd24fb0d6963f7d28e17f72")
        #expect(digest(Array("message digest".utf8)) == "f96b697d7cb7938d525a2f31aaf161d0")
        #expect(digest(Array("abcdefghijklmnopqrstuvwxyz".utf8)) == "c3fcd3d76192e4007dfb496cca67e13b")
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        #expect(digest(Array(letters.utf8)) == "d174ab98d277d9f5a5611c2c9f419d9f")
        let digits = String(repeating: "1234567890", count: 8)
        #expect(digest(Array(digits.utf8)) == "57edf4a22be3c955ac49da2e2107b67a")
    }

    @Test("lengths around the block boundaries, against another implementation")
    func blockBoundaries() {
        // From Python's hashlib.
        let expected: [(Int, String)] = [
            (54, "eb5acae65a800805a13648f23dea0327"),
            (55, "52c0e574e1198de5fe3f8f11440dcb1b"),
            (56, "46c9907fc908ee68b1e7b8e71286a518"),
            (57, "1c805dd236c35cab25fcb1bc73802c51"),
            (63, "a62f6d59e837867693f042f5b8f5a236"),
            (64, "7160b8fb5e9e4023d549c3971fbaeead"),
            (65, "70bd662e7aefbda85a0f7244167b7897"),
            (119, "e84905d4214f4d1ca56c2cdcc152b143"),
            (120, "e3eb5a6c8669ea01a8c185b8abc8a5dc"),
            (121, "82f02aff7c685d5ef5f6abdfc38fd04f"),
            (127, "acce2474d6cc8302120d09c818d17ef7"),
            (128, "10b2da1a82f16d99a81a7203fe9f02cb"),
            (129, "03fefbbcebe2959cf2270241aafe0250"),
            (1000, "10046f077f2082ac19676b8079f1cb1a"),
        ]
        for (count, digest) in expected {
            #expect(self.digest(pattern(count)) == digest, "\(count) bytes")
        }
    }

    @Test("all lengths to 300, against another implementation, by the digest of their digests")
    func allShortLengths() {
        var digests: [UInt8] = []
        for count in 0...300 {
            let hash = pattern(count).withUnsafeBytes { MD5.hash($0) }
            for half in [hash.high, hash.low] {
                digests += (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * $0)) }
            }
        }
        #expect(digest(digests) == "bbc8219ce2f09cb1b1235ce3b7ef018c")
    }

    @Test("bytes that start at any address")
    func unalignedBytes() {
        let bytes = pattern(200)
        for start in 0..<9 {
            let moved = [UInt8](repeating: 0, count: start) + bytes
            let hash = moved.withUnsafeBytes { MD5.hash(UnsafeRawBufferPointer(rebasing: $0[start...])) }
            #expect(hash.description == digest(bytes), "at \(start)")
        }
    }
}
