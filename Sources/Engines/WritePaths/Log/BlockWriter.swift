import Glibc

/// Writes files in whole blocks, past the page cache where the file system lets it: then a commit's record is one
/// transfer to the disk, not one for each page that it touches, and nothing is copied into the cache that only a
/// restart would read.
///
/// What stands before it in its first block is written again with it, unchanged; behind it the last block is filled
/// with zeros. One thread at a time.
struct BlockWriter: ~Copyable {
    /// open(2) O_DIRECT: length, address and offset must be multiples of 512 bytes, "or the logical block size of the
    /// file system".
    static let blockBytes = 4 << 10

    private var room = BlockRoom(bytes: keptBytes)
    /// What was written last, and how far: the room begins with its last block.
    private var last: (name: String, end: Int)?

    private static let keptBytes = 1 << 20

    static func wholeBlocks(_ bytes: Int) -> Int { (bytes + blockBytes - 1) & ~(blockBytes - 1) }

    /// A descriptor for the file at `path`, or -1 with `errno`.
    static func open(_ path: String, flags: Int32) -> Int32 {
        // Swift's module of the library has O_DIRECT by this name alone.
        let file = Glibc.open(path, flags | O_RDWR | O_CLOEXEC | __O_DIRECT, 0o644)
        // "EINVAL The filesystem does not support the O_DIRECT flag."
        return file < 0 && errno == EINVAL ? Glibc.open(path, flags | O_RDWR | O_CLOEXEC, 0o644) : file
    }

    /// Fills a new file's first `bytes`, whole blocks, with zeros. False with `errno`.
    static func writeZeros(_ bytes: Int, to file: Int32) -> Bool {
        let zeros = BlockRoom(bytes: min(bytes, keptBytes))
        var offset = 0
        while offset < bytes {
            let part = UnsafeRawBufferPointer(rebasing: zeros.bytes[..<min(bytes - offset, zeros.bytes.count)])
            guard write(part, to: file, at: offset) else { return false }
            offset += part.count
        }
        return true
    }

    /// The file has whole blocks, and no two files of a writer ever the same name. False with `errno`.
    mutating func write(
        _ bytes: UnsafeRawBufferPointer, to file: Int32, named name: String, at offset: Int
    ) -> Bool {
        let start = offset & ~(Self.blockBytes - 1)
        let length = offset - start + bytes.count
        let whole = Self.wholeBlocks(length)
        if whole > room.bytes.count {
            room = BlockRoom(bytes: whole, beginningWith: UnsafeRawBufferPointer(room.bytes))
        }
        if offset > start, last.map({ $0.name != name || $0.end != offset }) ?? true {
            guard Self.read(room.bytes, Self.blockBytes, from: file, at: start) else { return false }
        }
        last = nil
        UnsafeMutableRawBufferPointer(rebasing: room.bytes[(offset - start)...]).copyMemory(from: bytes)
        for index in length..<whole { room.bytes[index] = 0 }
        guard Self.write(UnsafeRawBufferPointer(rebasing: room.bytes[..<whole]), to: file, at: start) else {
            return false
        }
        let lastBlock = UnsafeRawBufferPointer(rebasing: room.bytes[(max(whole, Self.blockBytes) - Self.blockBytes)...])
        if room.bytes.count > 4 * Self.keptBytes {
            room = BlockRoom(bytes: Self.keptBytes, beginningWith: lastBlock)
        } else {
            room.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: lastBlock[..<Self.blockBytes]))
        }
        last = (name, offset + bytes.count)
        return true
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to file: Int32, at offset: Int) -> Bool {
        var written = 0
        while written < bytes.count, let base = bytes.baseAddress {
            let count = pwrite(file, base + written, bytes.count - written, off_t(offset + written))
            if count > 0 {
                written += count
            } else if count == 0 || errno != EINTR && !(errno == EINVAL && useCache(of: file)) {
                return false
            }
        }
        return true
    }

    private static func read(
        _ room: UnsafeMutableRawBufferPointer, _ length: Int, from file: Int32, at offset: Int
    ) -> Bool {
        var filled = 0
        while filled < length, let base = room.baseAddress {
            let count = pread(file, base + filled, length - filled, off_t(offset + filled))
            if count > 0 {
                filled += count
            } else if count == 0 || errno != EINTR && !(errno == EINVAL && useCache(of: file)) {
                return false
            }
        }
        return true
    }

    /// Where the file system wants larger blocks, or has left off in the middle of one. False where that is not why.
    private static func useCache(of file: Int32) -> Bool {
        let flags = fcntl(file, F_GETFL)
        return flags >= 0 && flags & __O_DIRECT != 0 && fcntl(file, F_SETFL, flags & ~__O_DIRECT) == 0
    }
}

/// Memory that begins at a block's boundary, zeros at first.
private struct BlockRoom: ~Copyable {
    let bytes: UnsafeMutableRawBufferPointer

    init(bytes count: Int) {
        bytes = .allocate(byteCount: count, alignment: BlockWriter.blockBytes)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// With the first block of these.
    init(bytes count: Int, beginningWith first: UnsafeRawBufferPointer) {
        self.init(bytes: count)
        bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: first[..<BlockWriter.blockBytes]))
    }

    deinit {
        bytes.deallocate()
    }
}
