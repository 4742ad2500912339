public import Engines

/// What to measure. The defaults take a minute or two.
public struct BenchPlan: Sendable {
    public var subjects: [BenchSubject] = BenchSubject.allCases.filter { $0 != .engine(.memory) }
    public var writePaths: [WritePath] = [.direct, .logged]
    /// Bytes of each value, each at most ``EngineLimits/maximumValueLength``.
    public var valueSizes: [Int] = [100, 1 << 10, 16 << 10, 256 << 10]
    public var workloads: [BenchWorkload] = [.load, .put, .get, .scan]
    /// Nil: as many as ``keyCount(for:)`` says.
    public var keys: Int?
    /// Of each workload but ``BenchWorkload/load``, which takes as long as it takes.
    public var seconds = 0.5
    /// Clients that put, each waiting for its own put; of a C loop the puts in one commit.
    public var threads = 64
    /// Threads that get and scan where nothing else is done.
    public var readers = 1
    /// Operations a second of all threads together; nil: each begins when the one before it has ended.
    public var rate: Double?
    public var seed: UInt64 = 1
    /// The bounds of the buffer and the log, where a write path has them.
    public var writePathOptions = WritePathOptions()
    /// Bytes of the engines' own page caches.
    public var cacheBytes = EngineOptions().cacheBytes

    public init() {}

    /// 20,000, or fewer where that would be more than 64 MiB of values, but never less than 128.
    public func keyCount(for valueBytes: Int) -> Int {
        keys ?? min(20_000, max(128, (64 << 20) / valueBytes))
    }

    /// An operation of ``BenchWorkload/scan`` visits a thousand entries, or about a mebibyte of values.
    public func scanEntries(for valueBytes: Int) -> Int {
        max(1, min(1000, (1 << 20) / valueBytes))
    }

    /// One store, filled once and put under one workload after the other.
    struct Configuration: Sendable {
        var subject: BenchSubject
        var writePath: WritePath
        var valueBytes: Int
        var workloads: [BenchWorkload]
    }

    var configurations: [Configuration] {
        valueSizes.flatMap { valueBytes in
            subjects.flatMap { subject in
                paths(of: subject).map { writePath in
                    Configuration(
                        subject: subject, writePath: writePath, valueBytes: valueBytes,
                        workloads: workloads.filter { runs($0, on: subject) })
                }
            }
        }
    }

    private func paths(of subject: BenchSubject) -> [WritePath] {
        switch subject {
        // A C loop has the engine's own commit and no other.
        case .loop: [.direct]
        case .engine(.memory): writePaths.filter { $0 != .logged }
        case .engine: writePaths
        }
    }

    /// Workloads that are carried out; each store is filled first, whether that is reported or not.
    public var steps: Int {
        configurations.reduce(0) { $0 + 1 + $1.workloads.filter { $0 != .load }.count }
    }

    private func runs(_ workload: BenchWorkload, on subject: BenchSubject) -> Bool {
        !subject.isLoop || workload != .mixed && (rate == nil || workload == .load)
    }

    /// What was asked for and is not measured, and why.
    public var omissions: [String] {
        var omissions: [String] = []
        let hasLoops = subjects.contains(where: \.isLoop)
        if hasLoops, rate != nil {
            omissions.append("the C loops know no rate: they only load")
        } else if hasLoops, workloads.contains(.mixed) {
            omissions.append("the C loops put or get, they have no mixed workload")
        }
        if subjects.contains(.engine(.memory)), writePaths.contains(.logged) {
            omissions.append("the memory engine keeps nothing that a log could follow: it is not measured as logged")
        }
        return omissions
    }
}
