public import NIOCore

extension Context {
    /// What a sealed context says, its seal not looked at: for answers that are its sender's own business, such as
    /// whether the object has changed since. Never for a write, which a forged context would let hide others.
    public static func unverified(_ sealed: ByteBuffer) throws(ContextError) -> Context {
        var rest = sealed
        guard let format: UInt8 = rest.readInteger() else { throw .unknownFormat(nil) }
        guard format == ContextSeal.format else { throw .unknownFormat(format) }
        guard sealed.readableBytes >= ContextSeal.shortest,
            var body = rest.readSlice(length: rest.readableBytes - ContextSeal.tagLength)
        else { throw .truncated(length: sealed.readableBytes) }
        do throws(DecodingFailure) {
            return try Context(decoding: &body)
        } catch {
            throw .malformed(error)
        }
    }
}
