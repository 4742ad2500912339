import Foundation
import NIOCore
import Testing

@testable import Engines

@Suite("The writer's thread")
struct WriterThreadTests {
    @Test("jobs are processed once, in order, and stop() processes all that were taken")
    func order() throws {
        let seen = Log<Int>()
        let thread = WriterThread<Int>(name: "writer", capacity: 10_000, maximumGroup: 64) { jobs in
            #expect(!jobs.isEmpty && jobs.count <= 64)
            seen.append(jobs)
        }
        for job in 0..<5_000 { try thread.submit(job) }
        thread.stop()
        #expect(seen.all == Array(0..<5_000))
        thread.stop()
        #expect(throws: Overloaded.self) { try thread.submit(1) }
    }

    @Test("all jobs that wait are one group, within the bounds of count and bytes")
    func groups() throws {
        let gate = Gate()
        let groups = Log<[Int]>()
        let thread = WriterThread<Int>(
            name: "writer", capacity: 100, maximumGroup: 8, maximumGroupBytes: 100
        ) { jobs in
            gate.pass()
            groups.append([jobs])
        }
        try thread.submit(0)
        gate.waitForArrival()
        for job in 1...10 { try thread.submit(job) }
        try thread.submit(11, bytes: 90)
        try thread.submit(12, bytes: 20)
        try thread.submit(13, bytes: 500)
        try thread.submit(14)
        gate.open()
        thread.stop()
        #expect(groups.all == [[0], Array(1...8), [9, 10, 11], [12], [13], [14]])
    }

    @Test("who was just answered is waited for, for an eighth of the time that it took and two milliseconds at most")
    func patience() {
        #expect(Gathering.patience(after: 4_000_000) == 500_000)
        #expect(Gathering.patience(after: 5_000_000_000) == 2_000_000)
        #expect(Gathering.patience(after: 700_000) == nil, "they come again too late for that")
    }

    @Test("a thread that gathers processes what comes, though others do not come again, and stops")
    func gathering() throws {
        let seen = Log<Int>()
        let thread = WriterThread<Int>(name: "writer", capacity: 100, maximumGroup: 64, gathers: true) { jobs in
            // A commit takes its time.
            let end = Monitor.now() + 5_000_000
            while Monitor.now() < end { sched_yield() }
            seen.append(jobs)
        }
        for job in 0..<8 { try thread.submit(job) }
        for job in 8..<12 {
            while seen.all.count < job { sched_yield() }
            try thread.submit(job)
        }
        thread.stop()
        #expect(seen.all == Array(0..<12))
    }

    @Test("a full queue refuses with the numbers, by jobs or by bytes, and takes again what has gone")
    func bounds() throws {
        let gate = Gate()
        let thread = WriterThread<Int>(
            name: "store", capacity: 3, maximumBytes: 1_000, maximumGroup: 8
        ) { _ in gate.pass() }
        try thread.submit(0)
        gate.waitForArrival()
        for job in 1...3 { try thread.submit(job, bytes: 200) }
        let full = #expect(throws: Overloaded.self) { try thread.submit(4) }
        #expect(full?.waiting == 3 && full?.capacity == 3 && full?.queue == "store" && full?.isStopped == false)
        #expect(full?.waitingBytes == 600 && full?.maximumBytes == 1_000)
        gate.open()
        while thread.waiting > 0 { sched_yield() }
        gate.close()
        try thread.submit(5)
        gate.waitForArrival()
        // A job beyond the bytes is taken where it waits alone.
        try thread.submit(6, bytes: 5_000)
        #expect(throws: Overloaded.self) { try thread.submit(7, bytes: 1) }
        gate.open()
        thread.stop()
        let stopped = #expect(throws: Overloaded.self) { try thread.submit(8) }
        #expect(stopped?.isStopped == true)
    }

    @Test("many threads submit, none of their jobs is lost or doubled, each thread's stay in order")
    func concurrency() throws {
        let seen = Log<Int>()
        let thread = WriterThread<Int>(name: "writer", capacity: 50, maximumGroup: 16) { seen.append($0) }
        let group = DispatchGroup()
        for submitter in 0..<4 {
            Thread.detachNewThread(in: group) {
                for job in 0..<2_000 {
                    while true {
                        do {
                            try thread.submit(submitter * 10_000 + job)
                            break
                        } catch {
                            sched_yield()
                        }
                    }
                }
            }
        }
        group.wait()
        thread.stop()
        let all = seen.all
        #expect(all.count == 8_000)
        for submitter in 0..<4 {
            #expect(all.filter { $0 / 10_000 == submitter }.map { $0 % 10_000 } == Array(0..<2_000))
        }
    }

    @Test("the last reference may go in a job: the thread ends what it has and goes")
    func abandoned() throws {
        let seen = Log<Int>()
        let gate = Gate()
        let ended = Gate()
        let holder = Log<WriterThread<Int>>()
        holder.append([
            WriterThread<Int>(name: "writer", capacity: 50, maximumGroup: 1) { jobs in
                gate.pass()
                holder.removeAll()
                seen.append(jobs)
                if jobs == [3] { ended.open() }
            }
        ])
        for job in 0...3 { try holder.all[0].submit(job) }
        gate.open()
        ended.pass()
        #expect(seen.all == [0, 1, 2, 3])
    }
}

/// A list that threads append to.
final class Log<Element: Sendable>: @unchecked Sendable {
    // Unchecked: `elements` is used under `lock`.
    private let lock = NSLock()
    private var elements: [Element] = []

    var all: [Element] { lock.withLock { elements } }

    func append(_ more: [Element]) {
        lock.withLock { elements += more }
    }

    func removeAll() {
        // The elements go outside the lock: their end may take it.
        let gone = lock.withLock {
            defer { elements = [] }
            return elements
        }
        withExtendedLifetime(gone) {}
    }
}

/// Holds a thread until it is opened.
final class Gate: @unchecked Sendable {
    // Unchecked: the fields are used under `condition`.
    private let condition = NSCondition()
    private var isOpen = false
    private var arrivals = 0

    func pass() {
        condition.withLock {
            arrivals += 1
            condition.broadcast()
            while !isOpen { condition.wait() }
            arrivals -= 1
        }
    }

    func waitForArrival() {
        condition.withLock {
            while arrivals == 0 { condition.wait() }
        }
    }

    func open() {
        condition.withLock {
            isOpen = true
            condition.broadcast()
        }
    }

    func close() {
        condition.withLock { isOpen = false }
    }
}

extension Thread {
    static func detachNewThread(in group: DispatchGroup, _ body: @escaping @Sendable () -> Void) {
        group.enter()
        detachNewThread {
            body()
            group.leave()
        }
    }
}
