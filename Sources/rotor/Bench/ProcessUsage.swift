import Foundation
import Glibc

/// What the daemons of a cluster on this machine have used, and the load generator.
struct Usages: Sendable {
    /// By the node's name, in the cluster's order.
    var servers: [(node: String, usage: ProcessUsage)]
    var generator: ProcessUsage?

    init(of cluster: LocalCluster?) {
        generator = ProcessUsage(of: getpid())
        guard let cluster else {
            servers = []
            return
        }
        servers = cluster.members.indices.compactMap { index in
            cluster.process(index).flatMap { ProcessUsage(of: $0.identifier) }
                .map { (cluster.members[index].name, $0) }
        }
    }
}

/// What a process has used, as Linux tells it.
struct ProcessUsage: Sendable, Equatable {
    /// User and system time of all its threads.
    var cpuMicroseconds: Int
    var residentBytes: Int

    /// Nil if there is no such process.
    init?(of identifier: pid_t) {
        guard let stat = Self.read("/proc/\(identifier)/stat"), let memory = Self.read("/proc/\(identifier)/statm"),
            let ticks = Self.ticks(stat: stat)
        else { return nil }
        let pages = memory.split(separator: " ")
        guard pages.count > 1, let resident = Int(pages[1]) else { return nil }
        cpuMicroseconds = ticks * 1_000_000 / max(1, sysconf(CInt(_SC_CLK_TCK)))
        residentBytes = resident * sysconf(CInt(_SC_PAGESIZE))
    }

    /// Fields 14 and 15; the name before them stands in parentheses and may hold blanks.
    static func ticks(stat: String) -> Int? {
        guard let close = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { return nil }
        return user + system
    }

    private static func read(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
