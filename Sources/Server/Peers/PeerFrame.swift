import NIOCore

/// What stands on a connection between two members: frames of `length (4 bytes) | kind (1 byte) | body`. The length
/// counts kind and body.
enum PeerFrame {
    enum Kind: UInt8 {
        /// The first frame of whoever dialed, and the answer to it.
        case hello = 1
        case welcome = 2
        case refusal = 3
        case ping = 4
        case pong = 5
        case message = 6
    }

    /// Of a frame before the handshake is done: nobody unknown may make us keep more.
    static let handshakeLimit = 1 << 10
    /// Of any other. The largest record that an engine takes is half of it.
    static let limit = 32 << 20

    /// Appends a frame whose body is what `body` writes. False, and nothing appended, where it is too long.
    static func append(_ kind: Kind, to buffer: inout ByteBuffer, _ body: (inout ByteBuffer) -> Void) -> Bool {
        let start = buffer.writerIndex
        buffer.writeMultipleIntegers(UInt32(0), kind.rawValue)
        body(&buffer)
        let length = buffer.writerIndex - start - 4
        guard length <= limit else {
            buffer.moveWriterIndex(to: start)
            return false
        }
        buffer.setInteger(UInt32(length), at: start)
        return true
    }
}

/// A frame that cannot be one: the connection is closed.
enum PeerFrameError: Error, Equatable, CustomStringConvertible {
    case length(Int, limit: Int)
    case kind(UInt8)

    var description: String {
        switch self {
        case .length(let length, let limit): "a frame of \(length) bytes, the limit is \(limit)"
        case .kind(let kind): "a frame of unknown kind \(kind)"
        }
    }
}

/// Cuts what a connection brings into frames.
///
/// Whole frames are slices of what was received. Of a partial one only the bytes that came are kept: the length that it
/// claims reserves nothing.
struct PeerFrameReader {
    /// Of the next frame, in bytes.
    var limit = PeerFrame.handshakeLimit
    private var pending = ByteBuffer()
    /// Whether others may hold slices of `pending`: then nothing is appended to it.
    private var isShared = false

    init() {}

    /// To be followed by ``next()`` until that returns nil.
    mutating func append(_ bytes: ByteBuffer) {
        if pending.readableBytes == 0 {
            pending = bytes
            isShared = true
        } else {
            pending.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole frame; nil where there is none yet.
    mutating func next() throws(PeerFrameError) -> (kind: PeerFrame.Kind, body: ByteBuffer)? {
        guard let length = pending.getInteger(at: pending.readerIndex, as: UInt32.self) else {
            keepRest()
            return nil
        }
        guard length >= 1, length <= limit else { throw .length(Int(length), limit: limit) }
        guard var frame = pending.getSlice(at: pending.readerIndex + 4, length: Int(length)) else {
            keepRest()
            return nil
        }
        pending.moveReaderIndex(forwardBy: 4 + Int(length))
        isShared = true
        let byte = frame.readInteger(as: UInt8.self) ?? 0
        guard let kind = PeerFrame.Kind(rawValue: byte) else { throw .kind(byte) }
        return (kind, frame)
    }

    /// A partial frame is copied once, so that it does not hold the frames before it in memory and can grow.
    private mutating func keepRest() {
        guard isShared else { return }
        isShared = false
        if pending.readableBytes == 0 {
            pending = ByteBuffer()
        } else {
            pending = ByteBuffer(bytes: pending.readableBytesView)
        }
    }
}
