import Foundation
import Glibc

/// Makes syncs of the files below a folder fail, as a broken disk does.
///
/// This program's own fdatasync and fsync come before the C library's for every shared library in it, so for the
/// engines' too: nothing in the engines knows of the tests.
enum SyncFaults {
    private static let lock = NSLock()
    nonisolated(unsafe) private static var folders: Set<String> = []

    static func fail(below folder: String) {
        _ = lock.withLock { folders.insert(folder) }
    }

    static func stop(below folder: String) {
        _ = lock.withLock { folders.remove(folder) }
    }

    fileprivate static func isBroken(_ descriptor: Int32) -> Bool {
        lock.withLock {
            guard !folders.isEmpty else { return false }
            var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
            let count = buffer.withUnsafeMutableBytes { bytes in
                bytes.baseAddress.map { readlink("/proc/self/fd/\(descriptor)", $0, bytes.count) } ?? 0
            }
            guard count > 0 else { return false }
            let path = String(decoding: buffer[..<count], as: UTF8.self)
            return folders.contains { path.hasPrefix($0 + "/") }
        }
    }

    fileprivate typealias Call = @convention(c) (Int32) -> Int32

    fileprivate static func next(_ name: String) -> Call {
        // dlsym(3), RTLD_NEXT: "Find the next occurrence of the desired symbol in the search order after the current
        // object."
        guard let afterThis = UnsafeMutableRawPointer(bitPattern: -1), let found = dlsym(afterThis, name) else {
            preconditionFailure("no \(name) after this program's")
        }
        return unsafeBitCast(found, to: Call.self)
    }

    fileprivate static let fdatasync = next("fdatasync")
    fileprivate static let fsync = next("fsync")
}

@_cdecl("fdatasync")
public func fdatasyncOrFault(_ descriptor: Int32) -> Int32 {
    if SyncFaults.isBroken(descriptor) {
        errno = EIO
        return -1
    }
    return SyncFaults.fdatasync(descriptor)
}

@_cdecl("fsync")
public func fsyncOrFault(_ descriptor: Int32) -> Int32 {
    if SyncFaults.isBroken(descriptor) {
        errno = EIO
        return -1
    }
    return SyncFaults.fsync(descriptor)
}
