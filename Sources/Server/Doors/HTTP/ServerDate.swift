import Glibc
import RiakWire

/// The `Date` header, and the wall clock that conditions are compared with.
enum ServerDate {
    static var unixSeconds: UInt64 { UInt64(max(0, time(nil))) }

    static var now: String { HTTPDate.text(unixSeconds: unixSeconds) }
}
