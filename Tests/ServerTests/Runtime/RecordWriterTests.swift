import Engines
import Glibc
import NIOConcurrencyHelpers
import Node
import Placement
import Testing

@testable import Server

@Suite("Writing a node's record")
struct RecordWriterTests {
    private static let full = DataFolderError.file(
        EngineError(.full, operation: "write", detail: "no space left; free some"))

    /// A disk that is full for as long as the test says, and what it was told of.
    private final class Disk: Sendable {
        let isFull = NIOLockedValueBox(true)
        let written = NIOLockedValueBox<[UInt64]>([])
        let attempts = NIOLockedValueBox(0)
        let told = NIOLockedValueBox<[String]>([])

        func replace(_ record: NodeRecord) throws(DataFolderError) {
            attempts.withLockedValue { $0 += 1 }
            if isFull.withLockedValue({ $0 }) { throw RecordWriterTests.full }
            written.withLockedValue { $0.append(record.revision) }
        }

        func tell(_ outcome: RecordWriter.Outcome) {
            told.withLockedValue { told in
                switch outcome {
                case .written(let revision): told.append("written \(revision)")
                case .waiting: told.append("waiting")
                case .failed: told.append("failed")
                }
            }
        }

        func waitForAttempts(_ count: Int) {
            while attempts.withLockedValue({ $0 }) < count { sched_yield() }
        }

        var writer: RecordWriter {
            RecordWriter(
                replace: { record throws(DataFolderError) in try self.replace(record) }, retryMilliseconds: 1,
                done: { self.tell($0) })
        }
    }

    private func record(_ revision: UInt64) -> NodeRecord {
        var record = NodeRecord(member: MemberID(rawValue: 7))
        record.revision = revision
        return record
    }

    @Test("where there is no space it is told once and tried again, and the newest is written when there is")
    func full() {
        let disk = Disk()
        let writer = disk.writer
        // More than the thread's queue takes.
        for revision in UInt64(1)...40 {
            writer.write(record(revision))
            if revision == 1 { disk.waitForAttempts(3) }
        }
        disk.isFull.withLockedValue { $0 = false }
        while disk.written.withLockedValue({ $0.last }) != 40 { sched_yield() }
        writer.write(record(41))
        while disk.written.withLockedValue({ $0.last }) != 41 { sched_yield() }
        writer.stop()
        let told = disk.told.withLockedValue { $0 }
        #expect(told.first == "waiting" && told.count { $0 == "waiting" } == 1, "\(told)")
        #expect(told.last == "written 41" && !told.contains("failed"), "\(told)")
    }

    @Test("a node that stops does not wait for space")
    func stopping() {
        let disk = Disk()
        let writer = disk.writer
        writer.write(record(1))
        disk.waitForAttempts(2)
        writer.stop()
        #expect(disk.written.withLockedValue { $0 } == [])
    }
}
