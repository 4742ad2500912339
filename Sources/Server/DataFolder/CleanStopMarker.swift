import Node
import Storage

/// A ``StopMarker`` on the machine's own file system, with the data folder's errors.
struct CleanStopMarker {
    let file: CheckedFile

    private var marker: StopMarker<SystemFiles> { StopMarker(file: file.file) }

    func write(after start: StartRecord) throws(DataFolderError) {
        try DataFolderError.wrapFile { () throws(ReplacedFileError) in try marker.write(after: start) }
    }

    /// Removes the marker, durably. A damaged one counts as none: the node goes on as a new incarnation.
    func consume(after start: StartRecord) throws(DataFolderError) -> Bool {
        try DataFolderError.wrapFile { () throws(ReplacedFileError) in try marker.consume(after: start) }
    }
}
