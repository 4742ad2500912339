import NIOCore
package import Node

/// Says that a start ended in good order, with every store synced and closed. It names that start, so that a marker
/// that was copied, or left by an earlier start, counts for nothing.
package struct StopMarker<Files: FileAccess> {
    private let file: ReplacedFile<Files>

    package init(file: ReplacedFile<Files>) {
        self.file = file
    }

    package func write(after start: StartRecord) throws(ReplacedFileError) {
        var buffer = ByteBuffer()
        buffer.writeInteger(start.number)
        buffer.writeInteger(start.session)
        try file.replace(with: buffer)
    }

    /// Removes the marker, durably. A damaged one counts as none: the node goes on as a new incarnation.
    package func consume(after start: StartRecord) throws(ReplacedFileError) -> Bool {
        guard file.exists else { return false }
        var follows = false
        do throws(ReplacedFileError) {
            if var buffer = try file.read() {
                follows =
                    buffer.readInteger(as: UInt64.self) == start.number
                    && buffer.readInteger(as: UInt64.self) == start.session && buffer.readableBytes == 0
            }
        } catch {
            guard case .damaged = error else { throw error }
        }
        try file.remove()
        return follows
    }
}
