public import NIOCore

/// Where the HTTP door stands, and what it takes at most.
public struct HTTPDoorSettings: Sendable {
    public var host: String
    /// 0 lets the system choose.
    public var port: Int
    /// Larger bodies are refused without being read, whatever their bucket type allows: the node looks at a value only
    /// when it is here as a whole.
    public var maximumBodyBytes = 16 << 20
    /// Of all bodies that are being received or worked on at a time.
    public var maximumBufferedBytes = 256 << 20
    /// Of the request target: a key of 4 KiB may be three times as long when it is escaped.
    public var maximumTargetBytes = 16 << 10
    /// Of all headers of a request; and of one of them.
    public var maximumHeaderBytes = 64 << 10
    public var maximumHeaders = 512
    /// Further connections wait in the system's queue.
    public var maximumConnections = 4096
    /// A connection on which nothing arrives for as long, and for which nothing is being done, is closed.
    public var idleTimeout = TimeAmount.seconds(60)
    /// A request that is not here as a whole so long after its head is answered 408, and its connection closed: one
    /// that comes byte by byte would hold its part of the budget for ever.
    public var receivingTimeout = TimeAmount.minutes(2)
    /// What is read and thrown away after a request was refused before its end: the client sees an answer only if its
    /// connection is not reset while it still sends.
    public var lingeringBytes = 64 << 20
    public var lingeringTimeout = TimeAmount.seconds(10)

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    func listenError(_ cause: any Error) -> ListenError {
        ListenError(door: "http", address: NetworkAddress(host: host, port: port), cause: cause)
    }
}
