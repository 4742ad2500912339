/// One workload on one store. What `--json` prints, name by name.
public struct BenchRow: Sendable, Equatable, Codable {
    /// `lmdb`, or `lmdb-c` for the C loop.
    public var engine: String
    public var writePath: String
    public var workload: String
    public var valueBytes: Int
    /// Clients at a time; of a C loop's puts, how many a commit.
    public var threads: Int
    public var operationsPerSecond: Double
    /// Microseconds. Of a C loop's puts, what the commit they were in took.
    public var p50: Double
    public var p99: Double
    public var p999: Double
    /// Of the whole process while the workload ran, the load's own threads among it.
    public var cpuMicrosecondsPerOperation: Double
    /// After the store was settled: key, value and all that the engine keeps beside them.
    public var diskBytesPerKey: Double
    /// Bytes sent to the disk for each byte of key and value that was put; 0 where nothing was.
    public var writeAmplification: Double
    /// Of the whole process at the end.
    public var residentBytes: Int

    enum CodingKeys: String, CodingKey {
        case engine
        case writePath = "write_path"
        case workload
        case valueBytes = "value_bytes"
        case threads
        case operationsPerSecond = "ops_per_second"
        case p50 = "p50_us"
        case p99 = "p99_us"
        case p999 = "p999_us"
        case cpuMicrosecondsPerOperation = "cpu_us_per_op"
        case diskBytesPerKey = "disk_bytes_per_key"
        case writeAmplification = "write_amplification"
        case residentBytes = "resident_bytes"
    }

    public var isLoop: Bool { BenchSubject(rawValue: engine)?.isLoop ?? false }

    /// Over what ``cells`` says.
    public static let heads = [
        "engine", "write path", "workload", "value", "threads", "ops/s", "p50", "p99", "p99.9", "CPU µs/op",
        "disk bytes/key", "written/stored", "resident",
    ]

    /// The figures for people, three digits each.
    public var cells: [String] {
        [
            engine, writePath, workload, "\(ByteCount(valueBytes))", "\(threads)", operationsPerSecond.digits,
            p50.asTime, p99.asTime, p999.asTime, cpuMicrosecondsPerOperation.digits, diskBytesPerKey.digits,
            writeAmplification.digits, "\(ByteCount(residentBytes))",
        ]
    }
}

/// A row and what its plots need.
public struct BenchResult: Sendable, Equatable {
    public var row: BenchRow
    public var latencies: LatencySummary
    /// How long the store took to write what its puts had left to be written.
    public var settleSeconds: Double
}
