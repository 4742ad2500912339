import Glibc

extension FileCalls {
    /// Makes an empty folder that nobody else has, in `parent`, or else where temporary files belong. Whoever asked for
    /// it removes it.
    package static func makeTemporaryFolder(
        named prefix: String, in parent: String? = nil
    ) throws(EngineError) -> String {
        let parent = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/\(prefix)-XXXXXX".utf8CString)
        let isMade = mkdtemp(&template) != nil
        guard isMade else { throw failure("make a temporary folder", "mkdtemp", parent) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
