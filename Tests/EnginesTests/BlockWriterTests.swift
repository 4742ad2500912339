import Foundation
import Testing

@testable import Engines

@Suite("Writing in whole blocks")
struct BlockWriterTests {
    /// A disk, and a file system in memory, which may not let the page cache be passed by.
    private static let places = [NSTemporaryDirectory(), "/dev/shm"]

    @Test("a file holds what was written, at any place and of any length, and zeros behind it", arguments: places)
    func contents(place: String) throws {
        let path = "\(place)/rotor-blocks-\(UUID().uuidString)"
        let other = path + "-other"
        defer { for path in [path, other] { unlink(path) } }
        let files = [path, other].map { BlockWriter.open($0, flags: O_CREAT | O_TRUNC) }
        defer { for file in files { close(file) } }
        let length = 6 << 20
        var models = [Bytes](repeating: Bytes(repeating: 0, count: length), count: 2)
        for file in files { #expect(file >= 0 && BlockWriter.writeZeros(length, to: file)) }
        var writer = BlockWriter()
        var random = SplitMix64(seed: 5)
        var offsets = [0, 0]
        for step in 0..<400 {
            let which = Int.random(in: 0..<20, using: &random) == 0 ? 1 : 0
            // Once beyond what the writer keeps of memory.
            let count = step == 200 ? 5 << 20 : Int.random(in: 1...9_000, using: &random)
            if offsets[which] + count > length || Int.random(in: 0..<30, using: &random) == 0 {
                offsets[which] = step == 200 ? 17 : Int.random(in: 0..<length / 8, using: &random)
            }
            let bytes = (0..<count).map { _ in UInt8.random(in: 1...255, using: &random) }
            #expect(bytes.withUnsafeBytes { writer.write($0, to: files[which], named: "\(which)", at: offsets[which]) })
            let end = offsets[which] + count
            models[which].replaceSubrange(offsets[which]..<end, with: bytes)
            models[which].replaceSubrange(
                end..<BlockWriter.wholeBlocks(end), with: repeatElement(0, count: BlockWriter.wholeBlocks(end) - end))
            offsets[which] = end
        }
        for (file, model) in zip([path, other], models) {
            #expect(try FileCalls.read(file, limit: 2 * length, operation: "check") == model)
        }
    }
}
