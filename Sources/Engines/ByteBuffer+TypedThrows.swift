import NIOCore

extension ByteBuffer {
    /// `withUnsafeReadableBytes`, which rethrows whatever error, with the type of the body's errors kept.
    func withBytes<Value, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try withUnsafeReadableBytes { bytes -> Result<Value, Failure> in
            do throws(Failure) {
                return .success(try body(bytes))
            } catch {
                return .failure(error)
            }
        }.get()
    }
}

extension WriteBatch {
    /// Bytes of the keys and values in it: what a log or a queue will take, roughly.
    public var byteCount: Int {
        operations.reduce(0) { sum, operation in
            switch operation {
            case .put(let key, let value): sum + key.readableBytes + value.readableBytes
            case .delete(let key): sum + key.readableBytes
            case .deleteRange(let range): sum + range.lowerBound.readableBytes
            }
        }
    }
}
