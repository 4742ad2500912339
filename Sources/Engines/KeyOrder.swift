import Glibc
package import NIOCore

/// Keys are ordered as unsigned bytes, a prefix before its extensions.
package enum KeyOrder {
    /// Below, at or above 0, as memcmp.
    static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        let common = min(left.count, right.count)
        if common > 0, let first = left.baseAddress, let second = right.baseAddress {
            let order = memcmp(first, second, common)
            if order != 0 { return Int(order) }
        }
        return left.count - right.count
    }

    static func hasPrefix(_ bytes: UnsafeRawBufferPointer, _ prefix: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= prefix.count
            && compare(UnsafeRawBufferPointer(rebasing: bytes[..<prefix.count]), prefix) == 0
    }

    package static func compare(_ left: ByteBuffer, _ right: ByteBuffer) -> Int {
        left.withUnsafeReadableBytes { first in
            right.withUnsafeReadableBytes { second in compare(first, second) }
        }
    }
}

extension KeyRange {
    /// `body` gets both bounds; the upper is nil where there is none.
    func withBounds<Value, Failure: Error>(
        _ body: (_ lower: UnsafeRawBufferPointer, _ upper: UnsafeRawBufferPointer?) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try lowerBound.withBytes { lower throws(Failure) in
            guard let upperBound else { return try body(lower, nil) }
            return try upperBound.withBytes { upper throws(Failure) in try body(lower, upper) }
        }
    }

    /// True where no key can be in the range.
    var isEmpty: Bool {
        guard let upperBound else { return false }
        return KeyOrder.compare(lowerBound, upperBound) >= 0
    }
}

extension WriteBatch {
    /// Refuses what is beyond ``EngineLimits`` before anything is written. The bounds of a range may have any length.
    func checkLimits() throws(EngineError) {
        for operation in operations {
            switch operation {
            case .put(let key, let value):
                try Self.checkKey(key, "put")
                guard value.readableBytes <= EngineLimits.maximumValueLength else {
                    throw EngineError(
                        .tooLarge, operation: "put",
                        detail: "a value of \(value.readableBytes) bytes; at most \(EngineLimits.maximumValueLength)")
                }
            case .delete(let key):
                try Self.checkKey(key, "delete")
            case .deleteRange:
                continue
            }
        }
    }

    private static func checkKey(_ key: ByteBuffer, _ operation: String) throws(EngineError) {
        guard key.readableBytes <= EngineLimits.maximumKeyLength else {
            throw EngineError(
                .tooLarge, operation: operation,
                detail: "a key of \(key.readableBytes) bytes; at most \(EngineLimits.maximumKeyLength)")
        }
    }
}
