/// A point of hybrid logical time: 48 bits of milliseconds since the Unix epoch, then 16 bits of a logical counter.
public struct HybridTime: RawRepresentable, Comparable, Hashable, Sendable {
    public var rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The first stamp of a millisecond; milliseconds beyond 48 bits (the year 10889) count as the last there is.
    public init(milliseconds: UInt64) {
        rawValue = min(milliseconds, Self.lastMillisecond) << 16
    }

    public static let zero = HybridTime(rawValue: 0)

    private static let lastMillisecond: UInt64 = (1 << 48) - 1

    public var milliseconds: UInt64 { rawValue >> 16 }

    /// The least stamp after this one; the last stamp of all is its own next.
    public var next: HybridTime {
        HybridTime(rawValue: rawValue == .max ? .max : rawValue + 1)
    }

    /// Whole Unix seconds, as version vectors keep them; from 2106 on, the last second that fits.
    public var seconds: UInt32 { UInt32(clamping: milliseconds / 1000) }

    /// The first stamp of the millisecond that is this many after this one's.
    func advanced(byMilliseconds interval: UInt64) -> HybridTime {
        let (sum, overflow) = milliseconds.addingReportingOverflow(interval)
        return HybridTime(milliseconds: overflow ? .max : sum)
    }

    public static func < (left: HybridTime, right: HybridTime) -> Bool {
        left.rawValue < right.rawValue
    }
}
