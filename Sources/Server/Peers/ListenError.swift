import Glibc
import NIOCore

/// A listener that could not be opened: which, where, and what to do.
public struct ListenError: Error, Sendable, CustomStringConvertible {
    /// As in the configuration: `listen.cluster`.
    public var door: String
    public var address: NetworkAddress
    public var cause: any Error

    public init(door: String, address: NetworkAddress, cause: any Error) {
        self.door = door
        self.address = address
        self.cause = cause
    }

    /// Whether something else listens there.
    public var isAddressInUse: Bool { (cause as? IOError)?.errnoCode == EADDRINUSE }

    public var description: String {
        if isAddressInUse {
            "listen.\(door): \(address) is in use by another program; stop that, or choose another port"
        } else {
            "listen.\(door): cannot listen at \(address): \(ConnectionFailure.describe(cause))"
        }
    }
}
