import Engines

/// What to measure. The defaults take a minute or two.
public struct BenchPlan: Sendable {
    public var subjects: [BenchSubject] = BenchSubject.allCases.filter { $0 != .engine(.memory) }
    public var writePaths: [BenchWritePath] = [.direct]
    /// Bytes of each value, each at most ``EngineLimits/maximumValueLength``.
    public var valueSizes: [Int] = [100, 1 << 10, 16 << 10, 256 << 10]
    public var workloads: [BenchWorkload] = [.load, .put, .get, .scan]
    /// Nil: as many as ``keyCount(for:)`` says.
    public var keys: Int?
    /// Of each workload but ``BenchWorkload/load``, which takes as long as it takes.
    public var seconds = 1.0
    /// Clients that put, each waiting for its own put; of a C loop the puts in one commit.
    public var threads = 64
    /// Threads that get and scan where nothing else is done.
    public var readers = 1
    /// Operations a second of all threads together; nil: each begins when the one before it has ended.
    public var rate: Double?
    public var seed: UInt64 = 1
    /// Bytes of the engines' own page caches.
    public var cacheBytes = EngineOptions().cacheBytes

    public init() {}

    /// 50,000, or fewer where that would be more than 128 MiB of values, but never less than 256.
    public func keyCount(for valueBytes: Int) -> Int {
        keys ?? min(50_000, max(256, (128 << 20) / valueBytes))
    }

    /// An operation of ``BenchWorkload/scan`` visits a thousand entries, or about a mebibyte of values.
    public func scanEntries(for valueBytes: Int) -> Int {
        max(1, min(1000, (1 << 20) / valueBytes))
    }

    /// One store, filled once and put under one workload after the other.
    struct Configuration: Sendable {
        var subject: BenchSubject
        var writePath: BenchWritePath
        var valueBytes: Int
        var workloads: [BenchWorkload]
    }

    var configurations: [Configuration] {
        valueSizes.flatMap { valueBytes in
            subjects.flatMap { subject in
                // A C loop has the engine's own commit and no other.
                (subject.isLoop ? [.direct] : writePaths).map { writePath in
                    Configuration(
                        subject: subject, writePath: writePath, valueBytes: valueBytes,
                        workloads: workloads.filter { runs($0, on: subject) })
                }
            }
        }
    }

    /// Workloads that are carried out; each store is filled first, whether that is reported or not.
    public var steps: Int {
        configurations.reduce(0) { $0 + 1 + $1.workloads.filter { $0 != .load }.count }
    }

    private func runs(_ workload: BenchWorkload, on subject: BenchSubject) -> Bool {
        !subject.isLoop || workload != .mixed && (rate == nil || workload == .load)
    }

    /// What was asked for and is not measured, and why; nil where nothing is left out.
    public var omission: String? {
        guard subjects.contains(where: \.isLoop) else { return nil }
        if rate != nil { return "the C loops know no rate: they only load" }
        return workloads.contains(.mixed) ? "the C loops put or get, they have no mixed workload" : nil
    }
}

/// What a put goes through before it is answered.
public enum BenchWritePath: String, CaseIterable, Sendable {
    case direct
}
