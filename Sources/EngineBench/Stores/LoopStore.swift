import CEngineLoops
import Engines

/// A C loop over an engine's own interface.
final class LoopStore: BenchStore, @unchecked Sendable {
    // Unchecked: `handle` is changed by settle() and close() only, while no load runs; the loops say which of their
    // functions threads may share.
    private let loop: BenchSubject.CLoop
    private let path: String
    private let cacheBytes: Int
    private var handle: OpaquePointer?

    /// - Parameter path: A folder that this makes where it is missing, with the files in its folder `data`.
    init(_ loop: BenchSubject.CLoop, path: String, cacheBytes: Int) throws {
        self.loop = loop
        self.path = path
        self.cacheBytes = cacheBytes
        try FileCalls.makeDirectories(path + "/data", operation: "open \(path)")
        try open()
    }

    func open() throws {
        guard handle == nil else { return }
        var failure = engine_loop_failure()
        handle = engine_loop_open(loop.kind, path + "/data", cacheBytes, &failure)
        if handle == nil { throw error(failure, "open \(path)") }
    }

    func settle() throws {
        try close()
    }

    func close() throws {
        guard let handle else { return }
        self.handle = nil
        try check("close \(path)") { engine_loop_close(handle, &$0) }
    }

    func visit(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool) throws {
        let handle = try open("visit")
        try withoutActuallyEscaping(body) { body in
            let visitor = Visitor(body)
            try check("visit \(path)") { failure in
                engine_loop_visit_all(
                    handle,
                    { context, key, keyBytes, value, valueBytes in
                        guard let context else { return false }
                        return Unmanaged<Visitor>.fromOpaque(context).takeUnretainedValue().body(
                            UnsafeRawBufferPointer(start: key, count: keyBytes),
                            UnsafeRawBufferPointer(start: value, count: valueBytes))
                    }, Unmanaged.passUnretained(visitor).toOpaque(), &failure)
            }
        }
    }

    private final class Visitor {
        let body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool

        init(_ body: @escaping (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool) {
            self.body = body
        }
    }

    func run(_ workload: BenchWorkload, _ load: BenchLoad) throws {
        nonisolated(unsafe) let handle = try open("\(workload)")
        // One thread puts what a group of clients would have waiting.
        let threads = workload.writes ? 1 : load.threads
        try BenchThreads.run(threads, named: "bench") { thread in
            let recording = Recording(LatencyRecorder(load.timeline), deadline: load.deadline)
            var sum: UInt64 = 0
            try load.data.withLoopData { data in
                var random = load.random(thread: thread)
                var run = engine_loop_run(
                    data: data, seed: random.next(), each_key_once: workload == .load, group: load.threads,
                    scan_entries: load.scanEntries,
                    record: { context, latencies, count, each, now in
                        guard let context, let latencies else { return false }
                        return Unmanaged<Recording>.fromOpaque(context).takeUnretainedValue().add(
                            UnsafeBufferPointer(start: latencies, count: count), each: each, now: now)
                    }, context: Unmanaged.passUnretained(recording).toOpaque())
                try self.check("\(workload) at \(self.path)") { failure in
                    switch workload {
                    case .load, .put: engine_loop_put(handle, &run, &failure)
                    case .get: engine_loop_get(handle, &run, &sum, &failure)
                    case .scan: engine_loop_scan(handle, &run, &sum, &failure)
                    case .mixed: preconditionFailure("\(self.loop.rawValue) has no mixed workload")
                    }
                }
            }
            recording.finish()
        }
    }

    /// What a loop tells of its operations.
    private final class Recording {
        private var recorder: LatencyRecorder
        private let deadline: UInt64

        init(_ recorder: LatencyRecorder, deadline: UInt64) {
            self.recorder = recorder
            self.deadline = deadline
        }

        func add(_ latencies: UnsafeBufferPointer<UInt64>, each: UInt64, now: UInt64) -> Bool {
            for latency in latencies { recorder.record(latency, operations: each, at: now) }
            return now < deadline
        }

        func finish() {
            recorder.finish()
        }
    }

    private func open(_ operation: String) throws(EngineError) -> OpaquePointer {
        guard let handle else {
            throw EngineError(.closed, operation: operation, detail: "the C loop's store at \(path) is closed")
        }
        return handle
    }

    private func check(_ operation: String, _ call: (inout engine_loop_failure) -> Bool) throws(EngineError) {
        var failure = engine_loop_failure()
        guard call(&failure) else { throw error(failure, operation) }
    }

    private func error(_ failure: engine_loop_failure, _ operation: String) -> EngineError {
        let detail = withUnsafeBytes(of: failure.detail) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return EngineError(
            .failed, operation: "\(loop.rawValue): \(operation)", call: failure.call.map { String(cString: $0) } ?? "",
            number: Int(failure.code), detail: detail)
    }
}
