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

/// RFC 1321 §3.3: the four words that a block is mixed into.
private struct State {
    private var a: UInt32 = 0x6745_2301
    private var b: UInt32 = 0xefcd_ab89
    private var c: UInt32 = 0x98ba_dcfe
    private var d: UInt32 = 0x1032_5476

    /// The four words, each little-endian, as 16 bytes read big-endian.
    var digest: KeyHash {
        KeyHash(
            high: UInt64(a.byteSwapped) << 32 | UInt64(b.byteSwapped),
            low: UInt64(c.byteSwapped) << 32 | UInt64(d.byteSwapped)
        )
    }

    /// RFC 1321 §3.4: four rounds over a block of 64 bytes. Written out step by step, as in the standard: constants in
    /// tables cost three times the time.
    mutating func absorb(_ block: UnsafeRawBufferPointer) {
        let (oldA, oldB, oldC, oldD) = (a, b, c, d)
        firstRound(block)
        secondRound(block)
        thirdRound(block)
        fourthRound(block)
        a &+= oldA
        b &+= oldB
        c &+= oldC
        d &+= oldD
    }

    /// One step: the first word is replaced; `word` is the input's place in the block.
    @inline(__always)
    private func step(
        _ a: inout UInt32, _ b: UInt32, _ function: UInt32, _ block: UnsafeRawBufferPointer, _ word: Int,
        _ shift: UInt32, _ sine: UInt32
    ) {
        let input = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: word &* 4, as: UInt32.self))
        let sum = a &+ function &+ input &+ sine
        a = b &+ (sum &<< shift | sum &>> (32 &- shift))
    }

    /// F(b, c, d) = (b and c) or (not b and d)
    @inline(__always)
    private mutating func firstRound(_ block: UnsafeRawBufferPointer) {
        var (a, b, c, d) = (self.a, self.b, self.c, self.d)
        step(&a, b, d ^ (b & (c ^ d)), block, 0, 7, 0xd76a_a478)
        step(&d, a, c ^ (a & (b ^ c)), block, 1, 12, 0xe8c7_b756)
        step(&c, d, b ^ (d & (a ^ b)), block, 2, 17, 0x2420_70db)
        step(&b, c, a ^ (c & (d ^ a)), block, 3, 22, 0xc1bd_ceee)
        step(&a, b, d ^ (b & (c ^ d)), block, 4, 7, 0xf57c_0faf)
        step(&d, a, c ^ (a & (b ^ c)), block, 5, 12, 0x4787_c62a)
        step(&c, d, b ^ (d & (a ^ b)), block, 6, 17, 0xa830_4613)
        step(&b, c, a ^ (c & (d ^ a)), block, 7, 22, 0xfd46_9501)
        step(&a, b, d ^ (b & (c ^ d)), block, 8, 7, 0x6980_98d8)
        step(&d, a, c ^ (a & (b ^ c)), block, 9, 12, 0x8b44_f7af)
        step(&c, d, b ^ (d & (a ^ b)), block, 10, 17, 0xffff_5bb1)
        step(&b, c, a ^ (c & (d ^ a)), block, 11, 22, 0x895c_d7be)
        step(&a, b, d ^ (b & (c ^ d)), block, 12, 7, 0x6b90_1122)
        step(&d, a, c ^ (a & (b ^ c)), block, 13, 12, 0xfd98_7193)
        step(&c, d, b ^ (d & (a ^ b)), block, 14, 17, 0xa679_438e)
        step(&b, c, a ^ (c & (d ^ a)), block, 15, 22, 0x49b4_0821)
        (self.a, self.b, self.c, self.d) = (a, b, c, d)
    }

    /// G(b, c, d) = (b and d) or (c and not d)
    @inline(__always)
    private mutating func secondRound(_ block: UnsafeRawBufferPointer) {
        var (a, b, c, d) = (self.a, self.b, self.c, self.d)
        step(&a, b, c ^ (d & (b ^ c)), block, 1, 5, 0xf61e_2562)
        step(&d, a, b ^ (c & (a ^ b)), block, 6, 9, 0xc040_b340)
        step(&c, d, a ^ (b & (d ^ a)), block, 11, 14, 0x265e_5a51)
        step(&b, c, d ^ (a & (c ^ d)), block, 0, 20, 0xe9b6_c7aa)
        step(&a, b, c ^ (d & (b ^ c)), block, 5, 5, 0xd62f_105d)
        step(&d, a, b ^ (c & (a ^ b)), block, 10, 9, 0x0244_1453)
        step(&c, d, a ^ (b & (d ^ a)), block, 15, 14, 0xd8a1_e681)
        step(&b, c, d ^ (a & (c ^ d)), block, 4, 20, 0xe7d3_fbc8)
        step(&a, b, c ^ (d & (b ^ c)), block, 9, 5, 0x21e1_cde6)
        step(&d, a, b ^ (c & (a ^ b)), block, 14, 9, 0xc337_07d6)
        step(&c, d, a ^ (b & (d ^ a)), block, 3, 14, 0xf4d5_0d87)
        step(&b, c, d ^ (a & (c ^ d)), block, 8, 20, 0x455a_14ed)
        step(&a, b, c ^ (d & (b ^ c)), block, 13, 5, 0xa9e3_e905)
        step(&d, a, b ^ (c & (a ^ b)), block, 2, 9, 0xfcef_a3f8)
        step(&c, d, a ^ (b & (d ^ a)), block, 7, 14, 0x676f_02d9)
        step(&b, c, d ^ (a & (c ^ d)), block, 12, 20, 0x8d2a_4c8a)
        (self.a, self.b, self.c, self.d) = (a, b, c, d)
    }

    /// H(b, c, d) = b xor c xor d
    @inline(__always)
    private mutating func thirdRound(_ block: UnsafeRawBufferPointer) {
        var (a, b, c, d) = (self.a, self.b, self.c, self.d)
        step(&a, b, b ^ c ^ d, block, 5, 4, 0xfffa_3942)
        step(&d, a, a ^ b ^ c, block, 8, 11, 0x8771_f681)
        step(&c, d, d ^ a ^ b, block, 11, 16, 0x6d9d_6122)
        step(&b, c, c ^ d ^ a, block, 14, 23, 0xfde5_380c)
        step(&a, b, b ^ c ^ d, block, 1, 4, 0xa4be_ea44)
        step(&d, a, a ^ b ^ c, block, 4, 11, 0x4bde_cfa9)
        step(&c, d, d ^ a ^ b, block, 7, 16, 0xf6bb_4b60)
        step(&b, c, c ^ d ^ a, block, 10, 23, 0xbebf_bc70)
        step(&a, b, b ^ c ^ d, block, 13, 4, 0x289b_7ec6)
        step(&d, a, a ^ b ^ c, block, 0, 11, 0xeaa1_27fa)
        step(&c, d, d ^ a ^ b, block, 3, 16, 0xd4ef_3085)
        step(&b, c, c ^ d ^ a, block, 6, 23, 0x0488_1d05)
        step(&a, b, b ^ c ^ d, block, 9, 4, 0xd9d4_d039)
        step(&d, a, a ^ b ^ c, block, 12, 11, 0xe6db_99e5)
        step(&c, d, d ^ a ^ b, block, 15, 16, 0x1fa2_7cf8)
        step(&b, c, c ^ d ^ a, block, 2, 23, 0xc4ac_5665)
        (self.a, self.b, self.c, self.d) = (a, b, c, d)
    }

    /// I(b, c, d) = c xor (b or not d)
    @inline(__always)
    private mutating func fourthRound(_ block: UnsafeRawBufferPointer) {
        var (a, b, c, d) = (self.a, self.b, self.c, self.d)
        step(&a, b, c ^ (b | ~d), block, 0, 6, 0xf429_2244)
        step(&d, a, b ^ (a | ~c), block, 7, 10, 0x432a_ff97)
        step(&c, d, a ^ (d | ~b), block, 14, 15, 0xab94_23a7)
        step(&b, c, d ^ (c | ~a), block, 5, 21, 0xfc93_a039)
        step(&a, b, c ^ (b | ~d), block, 12, 6, 0x655b_59c3)
        step(&d, a, b ^ (a | ~c), block, 3, 10, 0x8f0c_cc92)
        step(&c, d, a ^ (d | ~b), block, 10, 15, 0xffef_f47d)
        step(&b, c, d ^ (c | ~a), block, 1, 21, 0x8584_5dd1)
        step(&a, b, c ^ (b | ~d), block, 8, 6, 0x6fa8_7e4f)
        step(&d, a, b ^ (a | ~c), block, 15, 10, 0xfe2c_e6e0)
        step(&c, d, a ^ (d | ~b), block, 6, 15, 0xa301_4314)
        step(&b, c, d ^ (c | ~a), block, 13, 21, 0x4e08_11a1)
        step(&a, b, c ^ (b | ~d), block, 4, 6, 0xf753_7e82)
        step(&d, a, b ^ (a | ~c), block, 11, 10, 0xbd3a_f235)
        step(&c, d, a ^ (d | ~b), block, 2, 15, 0x2ad7_d2bb)
        step(&b, c, d ^ (c | ~a), block, 9, 21, 0xeb86_d391)
        (self.a, self.b, self.c, self.d) = (a, b, c, d)
    }
}
