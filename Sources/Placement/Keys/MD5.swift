/// The MD5 message digest (RFC 1321), which Dynamo §4.2 puts keys on the ring with. It spreads keys evenly; nothing
/// about it is secret or secure. Written here because the core carries no cryptography package.
enum MD5 {
    /// One pass over the bytes, without allocating.
    static func hash(_ bytes: UnsafeRawBufferPointer) -> KeyHash {
        var state = State()
        let whole = bytes.count & ~63
        for offset in stride(from: 0, to: whole, by: 64) {
            state.absorb(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + 64]))
        }
        // RFC 1321 §3.1, §3.2: a 1 bit, zeros up to 56 bytes of a block, then the length in bits, little-endian.
        let rest = bytes.count - whole
        let padded = rest < 56 ? 64 : 128
        withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { tail in
            tail.initializeMemory(as: UInt8.self, repeating: 0)
            if rest > 0 { tail.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[whole...])) }
            tail[rest] = 0x80
            let bits = UInt64(bytes.count) &<< 3
            tail.storeBytes(of: bits.littleEndian, toByteOffset: padded - 8, as: UInt64.self)
            for offset in stride(from: 0, to: padded, by: 64) {
                state.absorb(UnsafeRawBufferPointer(rebasing: tail[offset..<offset + 64]))
            }
        }
        return state.digest
    }
}

extension MD5 {
    private struct State {
        // RFC 1321 §3.3.
        var a: UInt32 = 0x6745_2301
        var b: UInt32 = 0xefcd_ab89
        var c: UInt32 = 0x98ba_dcfe
        var d: UInt32 = 0x1032_5476

        /// The four words, each little-endian, as 16 bytes read big-endian.
        var digest: KeyHash {
            KeyHash(
                high: UInt64(a.byteSwapped) << 32 | UInt64(b.byteSwapped),
                low: UInt64(c.byteSwapped) << 32 | UInt64(d.byteSwapped)
            )
        }

        /// RFC 1321 §3.4: the four rounds over one block of 64 bytes.
        mutating func absorb(_ block: UnsafeRawBufferPointer) {
            let (oldA, oldB, oldC, oldD) = (a, b, c, d)
            for step in 0..<16 {
                mix((b & c) | (~b & d), block, step, step, shift: Self.firstShifts[step & 3])
            }
            for step in 16..<32 {
                mix((b & d) | (c & ~d), block, (5 &* step &+ 1) & 15, step, shift: Self.secondShifts[step & 3])
            }
            for step in 32..<48 {
                mix(b ^ c ^ d, block, (3 &* step &+ 5) & 15, step, shift: Self.thirdShifts[step & 3])
            }
            for step in 48..<64 {
                mix(c ^ (b | ~d), block, (7 &* step) & 15, step, shift: Self.fourthShifts[step & 3])
            }
            a &+= oldA
            b &+= oldB
            c &+= oldC
            d &+= oldD
        }

        @inline(__always)
        private mutating func mix(
            _ function: UInt32, _ block: UnsafeRawBufferPointer, _ word: Int, _ step: Int, shift: UInt32
        ) {
            let input = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: word &* 4, as: UInt32.self))
            let sum = a &+ function &+ input &+ MD5.sines[step]
            a = d
            d = c
            c = b
            b = b &+ (sum &<< shift | sum &>> (32 &- shift))
        }

        private static let firstShifts: InlineArray<4, UInt32> = [7, 12, 17, 22]
        private static let secondShifts: InlineArray<4, UInt32> = [5, 9, 14, 20]
        private static let thirdShifts: InlineArray<4, UInt32> = [4, 11, 16, 23]
        private static let fourthShifts: InlineArray<4, UInt32> = [6, 10, 15, 21]
    }

    /// RFC 1321 §3.4: entry i is the whole part of 2³² · |sin(i + 1)|.
    private static let sines: InlineArray<64, UInt32> = [
        0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
        0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
        0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
        0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
        0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
        0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
        0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
        0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
    ]
}
